"""Where the formats of `labelfix flag` go: one to stdout, the others into files."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from labelfix.cli.targets import given_inputs
from labelfix.errors import SettingsError
from labelfix.outputs.flags import FlagOptions
from labelfix.outputs.formats import FORMATS, most_shown
from labelfix.remote import as_path
from labelfix.runs import RunFolder, atomic_path, inputs_of, named, refuse_target
from labelfix.settings.remote_names import is_remote

if TYPE_CHECKING:
    from labelfix.cli.flag_options import FlagRequest
    from labelfix.cli.terminal import Voice
    from labelfix.outputs.judgement import Judgement


@dataclass(frozen=True)
class Outputs:
    """What is to be written.

    Attributes:
        stdout: The format of stdout; None where every format goes into a file.
    """

    stdout: str | None
    files: dict[Path, str]
    show: int | None

    @staticmethod
    def of(words: Sequence[str], show: int | None) -> Outputs:
        """What some words ask for.

        Args:
            words: Each `FORMAT` or `FORMAT=FILE`.

        Raises:
            SettingsError: There is no such format, or two would go to one place.
        """
        stdout: list[str] = []
        files: dict[Path, str] = {}
        for word in words:
            name, equals, file = word.partition("=")
            if name not in FORMATS:
                near = difflib.get_close_matches(name, FORMATS, n=1)
                hint = f"did you mean {near[0]}?" if near else f"it is one of {', '.join(FORMATS)}"
                raise SettingsError(f"--format {word}: there is no such format; {hint}")
            if equals and not file:
                raise SettingsError(f"--format {word}: names no file after the =")
            path = _file(file) if file else None
            if path in files:
                raise SettingsError(f"--format {word}: {files[path]} goes into that file already; name another one")
            if path is None:
                stdout.append(name)
            else:
                files[path] = name
        if len(stdout) > 1:
            both = " and ".join(dict.fromkeys(stdout))
            raise SettingsError(f"--format {both}: one goes to stdout; write the others as --format {stdout[1]}=FILE")
        return Outputs(next(iter(stdout), None), files, show)

    def needing(self, options: FlagOptions) -> FlagOptions:
        """The options with as many findings, and as much said of them, as the formats need."""
        names = [*([self.stdout] if self.stdout else []), *self.files.values()]
        return replace(options, show=most_shown(names, self.show), with_content="json" in names)

    def refuse_targets(self, context: typer.Context, asked: FlagRequest, folder: RunFolder | None) -> None:
        """Refuse files that are inputs, or that are there already, before the work that fills them."""
        from labelfix.cli.flag_options import named_inputs

        if not self.files:
            return
        inputs = [*given_inputs(context), *named(*named_inputs(asked))]
        inputs += inputs_of(folder) if folder is not None else []
        for path, name in self.files.items():
            refuse_target(path, inputs, asked.overwrite, f"--format {name}")

    def write(self, judgement: Judgement, voice: Voice) -> None:
        """Write everything, files first: what stands on stdout is then the last word."""
        for path, name in self.files.items() if not voice.echo else ():
            with atomic_path(path) as beside:
                text = FORMATS[name].write(judgement, self.show) + "\n"
                beside.write_text(text, encoding="utf-8", errors="backslashreplace", newline="\n")
            voice.note(f"{path}: {name}{self._left_out(judgement, name)}")
        self._speak(judgement, voice)
        if "github" in (self.stdout, *self.files.values()):
            _tell_github(judgement, voice)

    def _left_out(self, judgement: Judgement, name: str) -> str:
        held = len(judgement.findings[: FORMATS[name].shows(self.show)])
        return f", the {held:,} worst of {judgement.issues:,}" if held < judgement.issues else ""

    def _speak(self, judgement: Judgement, voice: Voice) -> None:
        if self.stdout is None:
            from labelfix.outputs.wording import verdict

            voice.data(*verdict(judgement))
            return
        text = FORMATS[self.stdout].write(judgement, self.show)
        if self.stdout == "github":
            voice.commands(text)
        else:
            voice.data(*text.split("\n"))


def _file(name: str) -> Path:
    return as_path(name) if is_remote(name) else Path(os.path.normpath(os.path.expanduser(name)))


def _tell_github(judgement: Judgement, voice: Voice) -> None:
    """Append the summary and the outputs of a step to the files that GitHub Actions names."""
    from labelfix.outputs.formats import github

    for variable, told in (("GITHUB_STEP_SUMMARY", github.summary), ("GITHUB_OUTPUT", github.outputs)):
        place = os.environ.get(variable)
        if place and not voice.echo:
            try:
                with open(place, "a", encoding="utf-8", errors="backslashreplace") as stream:
                    stream.write(told(judgement))
            except OSError as error:
                voice.warn(f"{variable}: {place} cannot be written ({error.strerror})")
