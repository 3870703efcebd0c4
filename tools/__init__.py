"""For maintainers: all tests at once, the lessons, their prose, figures of the practice cells."""
