from pathlib import Path


def write_report(path, **k):
    Path(path).write_text("temporary stopped early" if k["notes"] else "temporary")
