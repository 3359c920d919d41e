"""A finished run, and what can be done with it: what the commands do, with the same options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from labelfix.api.applied import TableLike
from labelfix.api.asking import AskingRun
from labelfix.api.certifying import Certified, certify
from labelfix.api.evaluating import evaluate
from labelfix.api.learning import learn
from labelfix.api.reporting import report
from labelfix.data.read import read_truth
from labelfix.errors import SettingsError, input_error
from labelfix.outputs.exporting import check_classifier, check_labels, export_classifier, export_labels, is_tree
from labelfix.outputs.flags import FlagOptions, flag
from labelfix.outputs.judgement import Judgement
from labelfix.outputs.own_file import ExportReport
from labelfix.outputs.progress_bars import listener
from labelfix.outputs.sources_table import figures_of, read_sources, with_costs, with_worst
from labelfix.outputs.summing_up import result
from labelfix.progress import Progress
from labelfix.remote import as_path


class Run(AskingRun):
    """A finished run; heavy parts load when they are asked for."""

    def __repr__(self) -> str:
        counts, metrics = self.manifest["counts"], self.metrics
        parts = [
            f"{counts['noisy']:,} rows",
            f"{len(self.classes)} classes",
            f"method {self.manifest['method']}",
            f"{counts['actions']['relabel']:,} labels changed",
        ]
        ledger = metrics.get("evidence", {}).get("ledger") or {}
        labels, classifier = ledger.get("corrected_labels"), metrics.get("classifier_right")
        if labels:
            parts.append(f"corrected labels right on {labels['value']:.0%} of {labels['rows']:,} trusted rows")
        elif classifier and classifier["rows"]:
            parts.append(f"classifier right on {classifier['value']:.0%} of {classifier['rows']:,} trusted rows")
        return f"<Run {str(self.path)!r}: {', '.join(parts)}>"

    @property
    def result(self) -> str:
        """How many labels changed and how many are right, before and after, in a sentence."""
        ledger = self.metrics.get("evidence", {}).get("ledger")
        return result(self.manifest["counts"], self.manifest.get("verdict"), ledger)

    def evaluate(
        self,
        truth: TableLike,
        corrected: str | Path | pa.Table | None = None,
        *,
        label_column: str | None = None,
        id_column: str | None = None,
        encoding: str | None = None,
    ) -> dict[str, Any]:
        """Compare the run's corrected labels, or those of later rows, with a truth.

        Args:
            truth: A path or a table of ids and true labels. Without ids its rows are found by their inputs, if it has
                those of the run. Rows that were trusted in training are left out: their labels were given.
            corrected: What `correct` gave or `correct_to` wrote, to be compared by id instead of the run's own rows.
            label_column: Column of the true labels. Default: found by its name, as in a trusted file.
            id_column: Column of the ids. Default: as in the run.
            encoding: Of a text file that is not UTF-8.

        Returns:
            Plain values; see `labelfix.numerics.truth_metrics.compare_with_truth`; beside them `matched`, `matched_by`
            (`id` or `content`), `unmatched` and `trusted_left_out`, `respelled` (what ids differ in that are found in
            another spelling), and `doubted`: trusted rows whose label looks wrong to models that never saw them.

        Raises:
            InputError: No row of the truth is among the run's rows; or the noisy file of the run, by which rows without
                ids are found, is gone.
        """
        data = self._reading_with({"clean_label_column": label_column, "id_column": id_column, "encoding": encoding})
        table = read_truth(truth, self.classes, data, self.columns.id, self.columns.spec)
        return evaluate(self, table, _corrected_of(corrected))

    def flag(
        self,
        corrected: str | Path | pa.Table | None = None,
        *,
        max_issue_rate: float | None = None,
        min_confidence: float | None = None,
        max_false_flags: float | None = None,
        budget: int | None = None,
        max_noise_rate: float | None = None,
        baseline: str | Path | Sequence[str | Path] = (),
        against: str | Path | None = None,
        drift_level: float | None = None,
        max_drift: float | None = None,
        include_trusted: bool = False,
        show: int | None = None,
        noisy: str | None = None,
        progress: Progress | bool | None = None,
    ) -> Judgement:
        """The rows whose labels look wrong, worst first.

        Args:
            corrected: What `correct` gave or `correct_to` wrote, to be judged instead of the run's own rows.
            max_issue_rate: A gate: at most this share of the labelled rows may look wrong.
            min_confidence: A row looks wrong only where the confidence reaches this. Default: as in the run.
            max_false_flags: Flag so that at most this share of the flagged rows is expected to be right after all.
            budget: Flag this many rows, the worst ones.
            max_noise_rate: A gate: the lower end of the noise rate's interval may be at most this.
            baseline: A file, or files, of rows that were accepted before; a row that was edited since counts again.
            against: A gate: a run, or a file of corrected labels, whose classes must have the same shares.
            drift_level: The level of that test. Default: 0.001.
            max_drift: Share of rows that may be of another class before it fails. Default: 0.05.
            include_trusted: Do not leave trusted rows out.
            show: How many findings to give, the worst ones. Default: all.
            noisy: Where the noisy file lies now, if it was moved.
            progress: Told what cannot be shown.

        Returns:
            The judgement: `findings`, `issues`, `issue_rate`; where there is a gate `gates` and `passed`.

        Raises:
            SettingsError: Options do not go together.
            InputError: What an option rests on is not there.
        """
        asked = FlagOptions(
            max_issue_rate=max_issue_rate,
            min_confidence=min_confidence,
            max_false_flags=max_false_flags,
            budget=budget,
            max_noise_rate=max_noise_rate,
            baseline=[baseline] if isinstance(baseline, str | Path) else baseline,
            against=against,
            drift_level=drift_level,
            max_drift=max_drift,
            include_trusted=include_trusted,
            show=show,
            noisy=noisy,
        )
        of = _corrected_of(corrected)
        return flag(self.folder if of is None else of, asked, (listener(progress)).warn)

    def export(
        self,
        corrected_labels: str | Path | None = None,
        *,
        classifier: str | Path | None = None,
        corrected: str | Path | pa.Table | None = None,
        noisy: TableLike | None = None,
        min_confidence: float | None = None,
        drop_issues: bool = False,
        details: bool = False,
        soft_top_k: int | None = None,
        hard_link: bool = False,
        overwrite: bool = False,
        answers: bool = False,
    ) -> ExportReport | None:
        """Give the noisy file back with its labels corrected: the same columns, order and types. Or a classifier.

        Args:
            corrected_labels: The file (.parquet, .csv, .tsv, .jsonl, .json) or, for images, a folder.
            classifier: A folder to copy the classifier into.
            corrected: What `correct` gave or `correct_to` wrote: it is the file of those later rows that is given back.
            noisy: Where the noisy file of the run (of those rows) lies now, if it was moved; or the table in memory.
            min_confidence: Change a label only where the confidence reaches this. Default: as in the run.
            drop_issues: Leave out the rows whose labels look wrong.
            details: Add the scores.
            soft_top_k: With `details`: of each soft label only this many classes. Default: as in the run.
            hard_link: Link images instead of copying them.
            overwrite: Replace what is there; an input never is.
            answers: Where people decided about a row (`labelfix review`), their label stands.

        Returns:
            What was written; None where it was only the classifier.

        Raises:
            SettingsError: Nothing is asked for; or a target is an input, or is there already.
            InputError: The noisy file is gone or has changed.
        """
        if corrected_labels is None and classifier is None:
            raise SettingsError("there is nothing to export: name a file for corrected_labels, or a classifier folder")
        said = None
        if classifier is not None:
            self._refuse(classifier, overwrite, folder=True)
            check_classifier(Path(classifier))
        if corrected_labels is not None:
            out = as_path(corrected_labels)
            self._refuse(out, overwrite, noisy, folder=is_tree(self.folder, out))
            check_labels(self.folder, out, hard_link, overwrite)
            said = export_labels(
                self.folder,
                out,
                corrected=_corrected_of(corrected),
                noisy=self._noisy_file(noisy) if corrected is None else noisy,
                min_confidence=min_confidence,
                drop_issues=drop_issues,
                details=details,
                soft_top_k=soft_top_k,
                hard_link=hard_link,
                overwrite=overwrite,
                answers=answers,
            )
        if classifier is not None:
            export_classifier(self.folder, Path(classifier), overwrite)
        return said

    def sources(
        self, source: str | None = None, *, costs: Mapping[str, float] | None = None, show: int = 10
    ) -> dict[str, Any]:
        """What each source of labels is worth.

        Args:
            source: One of them: all that is said of it, and the rows that it most likely has wrong.
            costs: Source → price of a label: then also what each right label costs that would be wrong without it.
            show: How many of its worst rows.

        Returns:
            Plain values, those of `labelfix sources --format json`: `each` source with `accuracy`, `weight`, `lost`,
            `words` and more, who errs `together`, and the `ways` of making one label of all opinions. Of one source its
            own figures, and `worst`.

        Raises:
            InputError: The run has one column of labels, or nothing judges it.
            SettingsError: There is no such source.
        """
        found = with_costs(read_sources(self.folder), costs or {}, int(self.manifest["data"]["noisy"]["rows"]))
        return found if source is None else with_worst(self.folder, figures_of(found, source, "source"), show)

    def learn(
        self,
        out: str | Path | None = None,
        *,
        noisy: TableLike | None = None,
        clean: Any = None,  # noqa: ANN401 - as `train` takes it
        overwrite: bool = False,
        progress: Progress | bool | None = None,
    ) -> Run:
        """Train again with people's decisions (`labelfix review`) as further trusted rows; this run stays.

        Rows that were chosen because they look wrong train and judge nothing; those at the beginning of the random
        queue also judge. The ledgers of both runs, side by side, are told to `progress`.

        Args:
            out: Where the new run goes. Default: run-2 beside run, and so on.
            noisy: Where the noisy file of the run lies now, if it was moved; or the table, if it was one in memory.
            clean: The trusted one, or several, likewise.
            overwrite: Replace a run that is there.
            progress: Told what happens; True shows bars.

        Returns:
            The new run.

        Raises:
            RunError: Nobody has decided anything, or the folder is taken.
            InputError: A file of the run is gone or has changed.
            TrainingError: Training could not go on.
            MissingPackageError: What trains is not installed.
        """
        return learn(self, out, noisy, clean, overwrite, listener(progress))

    def certify(
        self,
        max_noise_rate: float | None = None,
        *,
        answers: Sequence[str | Path | pa.Table] = (),
        with_answers: bool = False,
        count: int | None = None,
        new_plan: bool = False,
        noisy: TableLike | None = None,
        confidence: float | None = None,
        seed: int | None = None,
        min_confidence: float | None = None,
        drop_issues: bool | None = None,
    ) -> Certified:
        """Prove how many labels are wrong at most, as they would be exported, from rows that a person reads.

        Args:
            max_noise_rate: The share of labels that may be wrong. Default: that of the plan that is under way.
            answers: Tables of rows to check, filled in; those of the review page are there already.
            with_answers: Certify the labels with the answers written over them.
            count: How many rows to hand out next. Default: about as many as are needed, where none are open.
            new_plan: Give the plan of rows to read up and draw others; answers are kept.
            noisy: Where the noisy file of the run lies now, if it was moved; or the table, if it was one in memory.
            confidence: How sure the certificate has to be. Default: 0.95. Fixed once rows are handed out.
            seed: Of the draw. Default: 0.
            min_confidence: Certify what `export` writes with it. Default: the run's own.
            drop_issues: Likewise.

        Returns:
            The verdict, the certificate, and the rows to read next.

        Raises:
            SettingsError: There is no plan and no bound, or something does not fit the plan that is under way.
            InputError: An answer is no class or contradicts another one, or the noisy file is gone or has changed.
            RunError: The plan or the answers are damaged.
        """
        wish = max_noise_rate, confidence, seed, min_confidence, drop_issues
        return certify(self, wish, answers, with_answers, count, new_plan, self._noisy_file(noisy))

    def report(
        self,
        out: str | Path | None = None,
        *,
        max_rows: int = 200,
        noisy: TableLike | None = None,
        clean: str | Sequence[str] | None = None,
        overwrite: bool = False,
        progress: Progress | bool | None = None,
    ) -> int:
        """Write what the run found into one HTML file; without what rows hold where their file is gone or has changed.

        Args:
            out: The file. Default: report.html in the run.
            max_rows: How many of the worst rows to show.
            noisy: Where the noisy file of the run lies now, if it was moved; or the table, if it was one in memory.
            clean: Where the trusted ones lie now, in their order.
            overwrite: Replace a file that is there; an input never is.
            progress: Told what happens; True shows bars.

        Returns:
            Its size in bytes.

        Raises:
            SettingsError: The file is an input, or is there already.
        """
        path = self.path / "report.html" if out is None else as_path(out)
        self._refuse(path, overwrite, noisy, clean)
        if path.suffix.lower() not in (".html", ".htm"):
            raise SettingsError(f"{path}: the report is one HTML file; name it .html")
        return report(self, path, max_rows, self._noisy_file(noisy), clean, listener(progress))


def _corrected_of(corrected: object) -> Path | pa.Table | None:
    """Corrected labels as they are given from Python."""
    of = as_path(corrected) if isinstance(corrected, str | Path) else corrected
    if of is not None and not isinstance(of, Path | pa.Table):
        remedy = "give the Arrow table of `correct` as it came, or a file that `correct_to` wrote"
        raise input_error("corrected", f"is of type {type(of).__name__}, which has lost what belongs to it", remedy)
    return of
