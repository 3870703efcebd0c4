"""test_<module>.py grades one module; course/ proves the course itself."""
