"""The images of cells: finding and checking them, drawing the practice set, fetching the real one.

classes.py          the two classes, by label
images.py           which files count as cell images
truth.py            what was drawn in a practice cell
folders.py          where this project keeps its cells
practice_cells.py   the practice set: patients, labels, files
drawing.py          one cell of it
hospitals.py        its colours in this laboratory and in another
shapes.py           its outline
parasites.py        parasites, and what looks like them
nih_download.py     the real cells, downloaded
nih_zip.py          and unpacked

Each imports only files further down, or `images` and `classes`, which import none of them.
"""
