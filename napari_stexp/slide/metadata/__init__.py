"""What each kind of slide file says about itself, as `SlideFacts`."""
