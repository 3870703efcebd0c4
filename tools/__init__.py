"""For maintainers: the lessons' outputs, their prose, the figures of the practice cells."""
