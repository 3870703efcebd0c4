"""The images: the practice cells, drawn; the real ones, downloaded.

practice_cells.py   the practice set: patients, labels, files
drawing.py          one cell
shapes.py           its outline
spots.py            parasites, and what looks like them
nih_download.py     the real cells
"""
