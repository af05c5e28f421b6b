"""Several pictures of the same spots beside each other, under one camera; needs no Qt.

napari's grid mode draws each layer on its own: sixteen cells of a slide and its spots take
three seconds to enter and 0.15 s a frame on software OpenGL, and 0.5 s where the mouse is
looked for among them. But under one camera all cells show the same tissue at the same scale,
so where each spot falls is found once (`SpotMap`), and a picture is a matter of giving each
spot its colour there.
"""
