"""What every part of the window shares: keys, menus under the right button, undo."""
