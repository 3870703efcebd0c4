"""Experiments: questions that no test can grade, asked of a network that trains in seconds.

definition.py   what an experiment is, and finding all of them
training.py     drawn cells, a small network, a training of seconds, its figures
runner.py       all arms and seeds, each stored when it is done; going on after a stop
catalogue/      one file for each experiment

An experiment compares a few *arms* over a few *seeds*. Each seed is a whole replicate: its own
patients, split, initial weights and order. So an interval over the seeds says what would happen to
somebody else, and the arms of one seed share all that they can, so that they are compared in pairs.

To add one, write `catalogue/my_question.py`:

    from malaria.given.experiments.definition import Experiment

    def run(arm, seed):
        from malaria.given.experiments.training import ...  # here: they import TensorFlow
        ...
        return {"auc": 0.9}  # a finite float for each of the figures

    EXPERIMENT = Experiment(
        name="my-question",  # the file's name, with hyphens
        lesson=3,
        question="What does it do?",
        figures={"auc": "AUC by patient"},  # the first one stands in front
        arms=("none", "some"),  # the first one is what the others are compared with
        modules=("train_test_split", "data_preprocessing", "cnn_model", "gradient_tape"),
        minutes=2,  # on two quiet cores
        run=run,
    )

`modules` names the lesson modules that it uses, so that it asks for no exercise beyond them. Lesson
modules are imported within functions. `malaria experiment my-question --modules solutions --record`
stores the result that the lessons read with `utils.experiment("my-question")`.

This room is imported by the command line only.
"""
