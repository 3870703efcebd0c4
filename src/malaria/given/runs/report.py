"""The report on a run: one HTML file with everything in it, which needs no network to be read."""

import base64
import html
import io
import math
import os
from pathlib import Path

import numpy as np
from PIL import Image

from malaria import utils
from malaria.given.scores import interval_by_patient

MISTAKES = 12  # shown: the surest wrong answers
CREDIT = (
    "The practice cells of this course are drawn. The real cells are those of the U.S. National"
    " Library of Medicine: Rajaraman et al., PeerJ 6:e4568, 2018,"
    ' <a href="https://doi.org/10.7717/peerj.4568">doi.org/10.7717/peerj.4568</a>.'
)
NOT_FOR_PATIENTS = (
    "For teaching and research only. This is no medical device: it must not be used to diagnose"
    " or to treat anybody."
)
STYLE = """
:root { color-scheme: light dark; --text: #1c2733; --soft: #5b6875; --page: #f5f6f8;
  --card: #ffffff; --line: #d9dee4; --accent: #0b5394; --warn: #fff4d6; }
@media (prefers-color-scheme: dark) { :root { --text: #e6eaee; --soft: #a3adb8; --page: #14181d;
  --card: #1d232a; --line: #37404a; --accent: #7db4ea; --warn: #3d3310; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, "Segoe UI", "Helvetica Neue", Arial, sans-serif; }
main { max-width: 60rem; margin: 0 auto; padding: 2rem 1rem 4rem; }
h1 { font-size: 1.7rem; margin: 0 0 .5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .6rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: .6rem;
  padding: 1.1rem 1.3rem; margin-top: 1.2rem; }
p { margin: .4rem 0; max-width: 46rem; }
.soft, figcaption { color: var(--soft); font-size: .9rem; }
.warn { background: var(--warn); border-left: 4px solid #c98a00; padding: .6rem .9rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .9rem .3rem 0; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
tr.ours td { font-weight: 600; }
.settings td { text-align: left; }
figure { margin: .4rem 0; }
figure.chart { background: #fff; border-radius: .4rem; padding: .4rem; overflow-x: auto; }
figure.chart img { max-width: 100%; height: auto; display: block; }
.pair { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.pair figure { flex: 1 1 18rem; max-width: 26rem; }
.cells { display: grid; grid-template-columns: repeat(auto-fill, minmax(12.5rem, 1fr)); gap: 1rem; }
.cells img { width: 48%; aspect-ratio: 1; image-rendering: pixelated; background: #000; }
.cells figcaption { overflow-wrap: anywhere; line-height: 1.3; }
a { color: var(--accent); }
"""


def write_report(
    path,
    *,
    title,
    settings,
    history,
    patients,
    labels,
    sets,
    test_probabilities,
    baselines,
    paths,
    saliency,
    notes=(),
):
    """Write the report, whole or not at all.

    Args:
        path: Where to, a `pathlib.Path`.
        title: Its heading.
        settings: A dict: how the run was made.
        history: What `train` returned; may hold no epoch.
        patients, labels, paths: Of all cells: N strings, N ints (parasitized = 1), N strings.
        sets: A dict from "train", "val", "test" to indices into them.
        test_probabilities: P(parasitized) of each cell of the test set.
        baselines: A dict from a name to its figures on the test set (as of `scores`) and its values
            for the ROC, or None.
        saliency: A function from paths to `(images, maps)`, `(N, S, S, 3)` and `(N, S, S)`.
        notes: Sentences that qualify the figures.
    """
    import matplotlib

    matplotlib.use("Agg")  # no window
    labels, patients = np.asarray(labels), np.asarray(patients)
    test = np.asarray(sets["test"], int)
    probabilities = np.asarray(test_probabilities, float)
    sections = [
        _heading(title, settings, notes),
        _figures(patients[test], labels[test], probabilities, baselines),
        _split(patients, labels, sets),
        _curves(history),
        _decisions(labels[test], probabilities, baselines),
        _mistakes([paths[i] for i in test], labels[test], probabilities, saliency),
        _settings(settings),
    ]
    text = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(sections)
        + f'\n<p class="soft">{CREDIT}</p>\n</main>\n</body>\n</html>\n'
    )
    unfinished = Path(f"{path}.{os.getpid()}.part")
    try:
        unfinished.write_text(text, encoding="utf-8")
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _heading(title, settings, notes):
    modules = settings.get("modules") or "the learner's own modules"
    lines = [f"<h1>{html.escape(title)}</h1>"]
    data = html.escape(f"Trained on {settings.get('data', 'unknown cells')} with {modules}.")
    lines.append(f'<p class="soft">{data}</p>')
    lines.append(f'<p class="warn">{NOT_FOR_PATIENTS}</p>')
    lines += [f'<p class="warn">{html.escape(note)}</p>' for note in notes]
    return "\n".join(lines)


def _figures(patients, labels, probabilities, baselines):
    """The test figures of the classifier beside those of the baselines."""
    from malaria.given.scores import scores

    rows = [_row("classifier", scores(labels, probabilities), "ours")]
    rows += [_row(name, figures) for name, (figures, _) in baselines.items()]
    low, high = interval_by_patient(patients, (probabilities > 0.5) == (labels == 1))
    between = "" if math.isnan(low) else " With other patients like these the classifier's"
    if between:
        between += f" accuracy would lie between {low:.3f} and {high:.3f} (95%, whole patients"
        between += " drawn anew)."
    return f"""<section><h2>On the test cells</h2>
<div class="scroll"><table>
<tr><th>who</th><th>accuracy</th><th>AUC</th><th>sensitivity</th><th>specificity</th></tr>
{"".join(rows)}
</table></div>
<p>{len(labels):,} cells of {len(set(patients.tolist())):,} patients that no training step and no
choice has seen.{between}</p>
<p class="soft">Sensitivity: parasitized cells found. Specificity: uninfected cells cleared. The
dark-spot rule calls a cell parasitized if its darkest pixels lie 35 levels of green below its
median. The majority baseline looks at no pixel: it guesses what most training cells of the same
patient are, and gains something only if a split leaks.</p></section>"""


def _row(name, figures, kind=""):
    cells = "".join(
        f"<td>{_number(figures[key])}</td>"
        for key in ("accuracy", "auc", "sensitivity", "specificity")
    )
    return f'<tr class="{kind}"><td>{html.escape(name)}</td>{cells}</tr>\n'


def _number(value):
    return "&ndash;" if math.isnan(value) else f"{value:.4f}"


def _split(patients, labels, sets):
    figure = utils.plot_split(patients, labels, sets)
    shared = sum(
        len(set(patients[sets[a]].tolist()) & set(patients[sets[b]].tolist()))
        for a, b in (("train", "val"), ("train", "test"), ("val", "test"))
    )
    return f"""<section><h2>The split by patient</h2>
<p>Each bar is a patient; {shared or "no"} patient{"s stand" if shared != 1 else " stands"} in two
sets.</p>
{_chart(figure, "Cells of each patient and class in the sets train, val and test")}</section>"""


def _curves(history):
    if not history.get("loss"):
        return "<section><h2>Training</h2><p>No epoch was finished.</p></section>"
    best = int(np.nanargmin(np.append(history["val_loss"], math.inf)))
    return f"""<section><h2>Training</h2>
<p>First the whole network, then the head on a frozen base. The weights kept are those after epoch
{best + 1} of {len(history["loss"])}, where the validation loss was lowest.</p>
{_chart(utils.plot_history(history), "Learning curves: loss, accuracy and AUC")}</section>"""


def _decisions(labels, probabilities, baselines):
    if len(set(labels.tolist())) < 2:
        return "<section><h2>Decisions</h2><p>The test cells are all of one class.</p></section>"
    values = {"classifier": probabilities}
    values |= {name: value for name, (_, value) in baselines.items() if value is not None}
    roc = _chart(utils.plot_roc(labels, values), "Receiver operating characteristic")
    table = _chart(utils.plot_confusion(labels, probabilities > 0.5), "Confusion matrix")
    return f"""<section><h2>Decisions</h2>
<p>On the left every threshold, on the right the one at probability .5.</p>
<div class="pair">{roc}{table}</div></section>"""


def _mistakes(paths, labels, probabilities, saliency):
    """The surest wrong answers, with where the network looked."""
    error = np.abs(probabilities - labels)
    worst = [i for i in np.argsort(-error, kind="stable")[:MISTAKES] if error[i] > 0.5]
    if not worst:
        return "<section><h2>Mistakes</h2><p>There is none among the test cells.</p></section>"
    images, maps = saliency([paths[i] for i in worst])
    figures = []
    for i, image, one_map in zip(worst, images, maps, strict=True):
        truth = utils.CLASSES[labels[i]].lower()
        cell = np.uint8(np.round(np.clip(image, 0, 1) * 255))
        figures.append(
            f'<figure><img src="{_png(cell)}" alt="cell, {truth}">'
            f' <img src="{_png(utils.overlay(image, one_map))}" alt="where the network looked">'
            f"<figcaption>{truth}, but P(parasitized) = {probabilities[i]:.3f}<br>"
            f"{html.escape(Path(paths[i]).name)}</figcaption></figure>"
        )
    count = int((error > 0.5).sum())
    return f"""<section><h2>The worst mistakes</h2>
<p>{len(worst)} of {count:,}. Right of each cell: yellow where a change of the pixel would
change the answer most. Some labels of the real set are wrong themselves.</p>
<div class="cells">{"".join(figures)}</div></section>"""


def _settings(settings):
    shown = {name.replace("_", " "): str(value) for name, value in settings.items()}
    shown.pop("names", None)  # a hash
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(value)}</td></tr>\n"
        for name, value in shown.items()
    )
    return f"""<section><h2>How it was made</h2>
<div class="scroll"><table class="settings">{rows}</table></div></section>"""


def _chart(figure, alt):
    """A figure as an image within the page: SVG, which stays sharp at any zoom."""
    import matplotlib
    import matplotlib.pyplot as plt

    file = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": "report"}):  # the same figures, the same bytes
        figure.savefig(file, format="svg", metadata={"Date": None})
    plt.close(figure)
    data = base64.b64encode(file.getvalue().encode()).decode()
    alt = html.escape(alt)
    source = f"data:image/svg+xml;base64,{data}"
    return f'<figure class="chart"><img src="{source}" alt="{alt}"></figure>'


def _png(image):
    """An image `(H, W, 3)` uint8 as a data URL."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, "PNG")
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
