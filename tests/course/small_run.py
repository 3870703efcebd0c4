"""A training that takes seconds."""

# 16 pixels is the least that four blocks of pooling leave something of.
SMALL = [
    "--modules",
    "solutions",
    "--image-size",
    "16",
    "--whole-epochs",
    "2",
    "--head-epochs",
    "1",
]
