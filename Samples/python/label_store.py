# SPDX-License-Identifier: Apache-2.0
"""Labels by mount point, in a JSON file that is whole at every moment."""

import json
import os
import tempfile


class LabelStore:
    """Reads the file once, and writes it whole with every change. Raises OSError, or ValueError for a file that is no label file:
    it is left alone, since somebody may want to mend it."""

    def __init__(self, path):
        self._path = os.path.abspath(path)
        try:
            with open(self._path, encoding="utf-8") as file:
                labels = json.load(file)
        except FileNotFoundError:
            labels = {}
        if not isinstance(labels, dict) or not all(isinstance(label, str) for label in labels.values()):
            raise ValueError(f"{self._path}: expected one JSON object of strings")
        self._labels = labels

    def get(self, name):
        return self._labels.get(name)

    def set(self, name, label):
        """Sets a label, or removes it (None). When the file cannot be written OSError is raised and nothing has changed."""
        labels = dict(self._labels)
        if label is None:
            labels.pop(name, None)
        else:
            labels[name] = label
        self._write(labels)
        self._labels = labels

    def _write(self, labels):
        folder = os.path.dirname(self._path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=".labels-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                json.dump(labels, file, ensure_ascii=False, indent=1, sort_keys=True)
                file.write("\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self._path)
        except BaseException:
            os.unlink(temporary)
            raise
        directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)
