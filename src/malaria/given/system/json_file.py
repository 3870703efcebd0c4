"""JSON files, written whole or not at all; one that cannot be read is refused in a sentence."""

import json
from pathlib import Path

from malaria.given.system.whole import whole_file


def write_json(path: str | Path, content) -> None:
    """Write a JSON file, whole or not at all."""
    text = json.dumps(content, indent=1, ensure_ascii=False)
    with whole_file(path) as unfinished:
        unfinished.write_text(text + "\n", encoding="utf-8")


def read_json(path: str | Path):
    """Read a JSON file.

    Raises:
        ValueError: The file is missing, or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"There is no file {path}.") from None
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}.") from None
