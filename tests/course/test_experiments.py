"""The experiments: running them, their statistics, and what is recorded of them."""

import json
import math
import re
import shutil
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest

import malaria
from malaria import LESSON_MODULES, PROJECT, REFERENCE, utils
from malaria.given.command_line import main
from malaria.given.command_line.experiment import print_result
from malaria.given.exercises.stubs import make_stub
from malaria.given.experiments.definition import Experiment, all_experiments
from malaria.given.experiments.runner import content_of, rows_of
from malaria.given.experiments.training import Cells
from malaria.given.recorded.result import RECORDED, interval_of_mean, recorded_names, result_from
from malaria.given.recorded.student_t import central_probability, t_quantile
from malaria.given.recorded.table import WIDTH, table

mpl.use("Agg")
import matplotlib.pyplot as plt

CALLS = []


def run(arm, seed):
    """A figure that is known: the seed, and 10 more for the second arm."""
    CALLS.append((arm, seed))
    return {"size": seed + (10 if arm == "more" else 0)}


TINY = Experiment(
    name="tiny",
    lesson=1,
    question="Is it more?",
    figures={"size": "size"},
    arms=("less", "more"),
    modules=("train_test_split",),
    minutes=0.1,
    run=run,
    seeds=3,
)


@pytest.fixture(autouse=True)
def fresh():
    """No calls yet, and no open figures left."""
    CALLS.clear()
    yield
    plt.close("all")


@pytest.mark.parametrize(
    ("degrees", "level", "expected"),
    [  # Abramowitz and Stegun, table 26.10
        (1, 0.95, 12.706),
        (2, 0.95, 4.303),
        (3, 0.95, 3.182),
        (4, 0.95, 2.776),
        (4, 0.99, 4.604),
        (9, 0.95, 2.262),
        (30, 0.90, 1.697),
        (120, 0.95, 1.980),
    ],
)
def test_the_quantiles_of_student_are_those_of_the_tables(degrees, level, expected):
    """To their three decimals."""
    assert t_quantile(degrees, level) == pytest.approx(expected, abs=6e-4)
    assert central_probability(t_quantile(degrees, level), degrees) == pytest.approx(level)


def test_an_interval_holds_the_mean_as_often_as_it_says():
    """Of means of 4 normal draws, 95% lie in theirs; a normal interval would hold 0.85."""
    draws = np.random.default_rng(0).normal(size=(2000, 4))
    holds = [low < 0 < high for low, high in map(interval_of_mean, draws.tolist())]
    assert 0.93 < np.mean(holds) < 0.97
    assert all(map(math.isnan, interval_of_mean([1.0])))
    with pytest.raises(ValueError, match="0 degrees of freedom"):
        t_quantile(0)


def test_a_result_compares_its_arms_in_pairs(tmp_path):
    """What seeds have in common cancels out of a difference, and of nothing else."""
    content = content_of(TINY, rows_of(TINY, 3, REFERENCE, tmp_path, progress=False))
    result = result_from(json.loads(json.dumps(content)))
    assert result.values == {"less": (0, 1, 2), "more": (10, 11, 12)}
    assert result.mean("more") == 11
    assert result.interval("less") == pytest.approx((1 - 2.484, 1 + 2.484), abs=1e-3)
    assert result.difference("more", "less") == (10, 10, 10)
    assert result.difference("less", "more") == (-10, -10, -10)
    with pytest.raises(ValueError, match="tiny measures size, not weight"):
        result.of("weight")
    assert "+10.000" in str(result)


def test_a_stopped_experiment_goes_on_where_it_was(tmp_path):
    """Ctrl-C in the third row: the first two are not run again."""

    def stopped(arm, seed):
        if len(CALLS) == 2:
            raise KeyboardInterrupt
        return run(arm, seed)

    with pytest.raises(KeyboardInterrupt):
        rows_of(replace(TINY, run=stopped), 3, REFERENCE, tmp_path, progress=False)
    assert CALLS == [("less", 0), ("more", 0)]
    assert [one.name for one in tmp_path.glob("*.json")] == ["tiny.json"]
    rows = rows_of(TINY, 3, REFERENCE, tmp_path, progress=False)
    assert [(arm, seed) for seed in range(3) for arm in TINY.arms] == CALLS
    rows_of(TINY, 4, REFERENCE, tmp_path, progress=False)
    assert CALLS[6:] == [("less", 3), ("more", 3)]
    assert rows_of(TINY, 3, REFERENCE, tmp_path, progress=False) == rows  # not those of seed 3
    assert len(CALLS) == 8


def test_figures_of_other_code_are_not_mixed_in(tmp_path):
    """A changed module: all rows are run anew."""
    modules = tmp_path / "modules"
    shutil.copytree(REFERENCE, modules)
    rows_of(TINY, 1, modules, tmp_path, progress=False)
    changed = modules / "train_test_split.py"
    changed.write_text(changed.read_text(encoding="utf-8") + "\nx = 1\n", encoding="utf-8")
    rows_of(TINY, 1, modules, tmp_path, progress=False)
    assert len(CALLS) == 4
    unrelated = modules / "cnn_model.py"
    unrelated.write_text("x = 1\n", encoding="utf-8")
    rows_of(TINY, 1, modules, tmp_path, progress=False)
    assert len(CALLS) == 4


@pytest.mark.parametrize("figures", [{}, {"size": math.nan}, {"size": 1, "weight": 2}])
def test_a_row_without_its_figures_is_refused(figures, tmp_path):
    """A sentence, and nothing is stored."""
    with pytest.raises(ValueError, match='Arm "less" of tiny gave'):
        rows_of(replace(TINY, run=lambda *_: figures), 1, REFERENCE, tmp_path, progress=False)
    assert not (tmp_path / "tiny.json").exists()


def test_a_damaged_file_is_named(tmp_path):
    """Rather than overwritten: it may hold minutes of work."""
    (tmp_path / "tiny.json").write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"tiny\.json is damaged"):
        rows_of(TINY, 1, REFERENCE, tmp_path, progress=False)


@pytest.mark.parametrize("seeds", [1, 3, 30])
def test_a_table_fits_the_terminal(seeds, tmp_path):
    """With a long arm and many seeds."""
    long = replace(TINY, arms=("a" * 20, "more"))
    content = content_of(long, rows_of(long, seeds, REFERENCE, tmp_path, progress=False))
    lines = table(result_from(content), "your modules")
    assert max(map(len, lines)) <= WIDTH
    assert "nan" not in "\n".join(lines)


def test_the_experiments_are_listed(capsys):
    """By the command without a name, each with its lesson and its question."""
    assert main(["experiment"]) == 0
    printed = capsys.readouterr().out
    for one in all_experiments().values():
        assert f"{one.name}  (lesson {one.lesson}, about {one.minutes:g} minutes)" in printed


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["leaky-splt"], "The most similar name is leaky-split."),
        (["leaky-split", "--record", "--seeds", "1"], "can be recorded"),
    ],
)
def test_bad_arguments_are_refused(arguments, sentence, tmp_path, capsys, monkeypatch):
    """Exit status 2 and one sentence."""
    monkeypatch.setattr("malaria.given.command_line.experiment.FOLDER", tmp_path)
    monkeypatch.setattr("malaria.given.command_line.experiment.use_written_modules", print)
    assert main(["experiment", *arguments]) == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def only_tiny(tmp_path, monkeypatch):
    """The command knows no experiment but the tiny one, and writes below `tmp_path`."""
    command = "malaria.given.command_line.experiment"
    monkeypatch.setattr(f"{command}.all_experiments", lambda: {"tiny": TINY})
    monkeypatch.setattr(f"{command}.use_written_modules", lambda *_: None)
    monkeypatch.setattr(f"{command}.FOLDER", tmp_path / "läuft hier")
    monkeypatch.setattr(f"{command}.RECORDED", tmp_path / "recorded")
    monkeypatch.setattr(malaria, "modules_in_use", REFERENCE)
    return monkeypatch


@pytest.mark.usefixtures("only_tiny")
def test_the_command_prints_and_records(tmp_path, capsys):
    """Means, intervals and differences; the second time from what is stored."""
    assert main(["experiment", "tiny", "--record"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"more +11\.000 +8\.516 to 13\.484 +\+10\.000", printed)
    recorded = json.loads((tmp_path / "recorded" / "tiny.json").read_text(encoding="utf-8"))
    assert recorded["measured"]["size"]["values"]["more"] == [10, 11, 12]
    assert main(["experiment", "tiny", "--seeds", "1"]) == 0
    assert "nan" not in capsys.readouterr().out
    assert len(CALLS) == 6


def test_the_reference_stands_beside_a_learners_result(capsys):
    """Figure by figure, with as many seeds as it had."""
    name = recorded_names()[0]
    recorded, asked = utils.experiment(name), all_experiments()[name]
    print_result(recorded, asked, "your modules")
    printed = capsys.readouterr().out
    for whose in ("your modules", "the reference"):
        assert printed.count(f"{whose}, {asked.seeds} seeds") == len(asked.figures)
    print_result(recorded, asked, "the reference")
    assert capsys.readouterr().out.count("the reference") == len(asked.figures)


def test_the_command_says_that_it_can_go_on(only_tiny, capsys):
    """After Ctrl-C: a sentence, and the exit status 130."""

    def stopped(arm, seed):
        raise KeyboardInterrupt

    command = "malaria.given.command_line.experiment.all_experiments"
    only_tiny.setattr(command, lambda: {"tiny": replace(TINY, run=stopped)})
    assert main(["experiment", "tiny"]) == 130
    assert "the same command goes on" in capsys.readouterr().out


def test_no_exercise_beyond_those_in_use_is_asked_for(tmp_path, capsys, monkeypatch):
    """An unwritten one is named as by `malaria train`; lesson 6 may be unwritten."""
    from malaria.given.command_line.common import use_written_modules

    stubs = tmp_path / "Lösungen und mehr"
    shutil.copytree(REFERENCE, stubs)
    for module in ("gradient_tape", "model_training"):
        source = (REFERENCE / f"{module}.py").read_text(encoding="utf-8")
        (stubs / f"{module}.py").write_text(make_stub(source), encoding="utf-8")
    monkeypatch.setattr("malaria.use_modules", lambda choice: stubs)
    use_written_modules("", LESSON_MODULES[:4], "run it")
    with pytest.raises(ValueError, match=r"Exercise 5\.1 in .* run it with --modules solutions"):
        use_written_modules("", LESSON_MODULES[:5], "run it")


def test_what_is_recorded_is_what_is_defined():
    """Arms, seeds, figures, question; a number for each; every experiment has been recorded."""
    experiments = all_experiments()
    assert set(recorded_names()) == set(experiments)
    for name in recorded_names():
        content = json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))
        one = experiments[name]
        assert content["question"] == one.question
        assert tuple(content["arms"]) == one.arms
        assert content["seeds"] == list(range(one.seeds))
        assert {key: each["figure"] for key, each in content["measured"].items()} == one.figures
        for each in content["measured"].values():
            assert set(each["values"]) == set(one.arms)
            assert all(len(values) == one.seeds for values in each["values"].values())


@pytest.mark.parametrize("name", list(all_experiments()))
def test_a_definition_is_complete(name):
    """Its file has its name, its question is one, and it asks for modules that exist."""
    one = all_experiments()[name]
    file = PROJECT / "src/malaria/given/experiments/catalogue" / f"{name.replace('-', '_')}.py"
    assert file.is_file()
    assert one.question.endswith("?")
    assert set(one.modules) <= set(LESSON_MODULES)
    assert one.seeds >= 3
    assert len(one.arms) >= 2
    assert one.minutes <= 6


@pytest.mark.parametrize("name", recorded_names())
def test_a_recorded_experiment_is_drawn(name):
    """Each of its figures, with a dot for each arm and seed."""
    result = utils.experiment(name)
    for key in result.measured:
        assert max(map(len, table(result.of(key), "the reference"))) <= WIDTH
        axis = utils.plot_experiment(name, key).axes[0]
        dots = [line for line in axis.lines if line.get_marker() == "o"]
        assert sum(len(line.get_xdata()) for line in dots) == len(result.arms) * len(result.seeds)


def test_an_experiment_that_was_not_recorded_is_refused():
    """With the names of those that were."""
    with pytest.raises(ValueError, match="no recorded experiment"):
        utils.experiment("nothing")


@pytest.mark.parametrize("choice", ["He", "LeCun", "0.01"])
@pytest.mark.parametrize("normalise", [False, True])
def test_kernels_start_as_the_arm_of_initialisation_says(choice, normalise):
    """The head starts as He has it in all arms; only batch norm has a scale and moves means."""
    from malaria.given.experiments.catalogue.initialisation import new_network

    images = np.random.default_rng(0).random((6, 16, 16, 3), np.float32)
    model = new_network(choice, normalise, Cells(images, np.zeros(6), np.zeros(6)), seed=1)
    fan_in = 9 * 16
    size = {"He": (2 / fan_in) ** 0.5, "LeCun": (1 / fan_in) ** 0.5, "0.01": 0.01}[choice]
    assert np.std(model.kernels[2]) == pytest.approx(size, rel=0.05)
    assert np.std(model.w1) == pytest.approx((2 / 64) ** 0.5, rel=0.05)
    assert len(model.trainable_variables) == (13 if normalise else 10)
    assert model(images, training=True).shape == (6, 2)
    moved = [bool(np.any(mean != 0)) for mean in model.means]
    assert moved == [normalise] * 3


def test_an_arm_of_views_is_asked_for_its_views(monkeypatch):
    """And the answers are scored against the labels of the test cells."""
    from malaria.given.experiments.catalogue import views

    images = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1)
    test = Cells(images, np.array([0, 1, 0, 1]), np.zeros(4))
    asked = []

    def by_views(part, count):
        asked.append(int(count))
        return part[:, 0, 0, 0]  # 0 to 3: three of the four pairs are in order

    monkeypatch.setattr(views, "trained", lambda training, seed: (by_views, test))
    for arm, (training, count) in views.ARMS.items():
        asked.clear()
        assert views.run(arm, 0)["auc"] == 0.75
        assert set(asked) == {count}
        assert arm.startswith(training)


def test_a_small_network_learns_and_repeats(cells):
    """The same seeds, the same losses; the augmentation is drawn anew at each step."""
    malaria.use_modules("solutions")
    import tensorflow as tf

    from malaria.given.experiments.training import figures_of, fit, new_network, read_cells

    drawn = tf.Variable(tf.zeros((0, 2), tf.int32), shape=(None, 2))

    def augment(images, seed):
        drawn.assign(tf.concat([drawn, seed[None]], axis=0))
        return images

    train = read_cells(cells, image_size=8)
    assert train.images.shape == (120, 8, 8, 3)
    assert len(set(train.patients)) == 12
    losses = []
    for _ in range(2):
        model = new_network(train, seed=3, channels=(4,), hidden=4)
        losses.append(fit(model, train, epochs=6, seed=3, augment=augment))
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert losses[0][-1] < losses[0][0]
    assert len(np.unique(drawn.numpy(), axis=0)) == 6 * (120 // 32)
    assert set(figures_of(model, train)) == {"accuracy", "auc", "sensitivity", "specificity"}
    assert len(train.at(train.labels == 1)) == 60
