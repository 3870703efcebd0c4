"""What proves the given code, the reference, the tests and the lessons; not the learner."""
