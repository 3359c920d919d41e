"""`labelfix review`: a page on this machine where people decide about rows."""

from __future__ import annotations

import getpass
import shlex
import webbrowser
from typing import Annotated

import typer

from labelfix.cli import common_options as options
from labelfix.cli.finished_run import finished_run
from labelfix.errors import SettingsError

QueueName = Annotated[
    str,
    typer.Option(
        "--queue",
        metavar="QUEUE",
        help="Which rows, in which order: worst (lowest label score first), next (whose answer is worth most), "
        '"doubtful", "class A->B" (given as A, rather B), "source NAME", random (answers are a random sample and '
        "count for the noise rate), or certify (the rows that labelfix certify has handed out).",
    ),
]
Budget = Annotated[
    int, typer.Option("--budget", min=1, metavar="N", help="How many rows people mean to read; the page counts down.")
]
Who = Annotated[
    str | None,
    options.option("--who", metavar="NAME", doc="Who decides; can be changed in the page. Default: the user."),
]
Host = Annotated[
    str,
    typer.Option(
        "--host",
        metavar="ADDRESS",
        help="The interface to serve on. Any but this machine's own sends rows over the network, unencrypted.",
    ),
]
Port = Annotated[
    int, typer.Option("--port", min=0, max=65535, metavar="N", help="The port to serve on; 0 takes a free one.")
]
Browser = Annotated[bool, options.switch("--browser/--no-browser", doc="Open the page in the browser.")]
Nearest = Annotated[
    bool, options.switch("--nearest/--no-nearest", doc="Show the nearest trusted rows; needs the classifier.")
]


def review(
    context: typer.Context,
    run: options.Run = None,
    noisy: options.MovedNoisy = None,
    queue: QueueName = "worst",
    budget: Budget = 200,
    who: Who = None,
    host: Host = "127.0.0.1",
    port: Port = 0,
    browser: Browser = True,
    nearest: Nearest = True,
) -> None:
    """Show rows one by one in the browser, take decisions by single keys, and keep each in the run's answers.jsonl.

    A decision is on the disk before the next row shows. `labelfix export --answers` writes the file with the decisions
    in it, `labelfix learn` trains again on them. Several people can work at once: each opens the address.
    """
    voice = options.voice(context)
    try:
        from labelfix.review.serve import listen, serve
    except ImportError as error:
        remedy = "pip install 'labelfix[review]'"
        raise SettingsError(f"labelfix review needs {error.name}, which is not installed; {remedy}") from None
    from labelfix.review.opening import open_desk

    folder = finished_run(run, context)
    with listen(host, port) as listener, open_desk(folder, noisy, budget, queue, who or _user(), nearest) as pages:
        if pages.desk.reader.why_none:
            voice.warn(pages.desk.reader.why_none)
        standing = len(pages.desk.answers.ledger.standing())
        if standing:
            voice.note(f"{standing:,} rows were decided before: {pages.desk.answers.path}")

        def ready(address: str) -> None:
            voice.note("decisions are kept as they are made; end with Ctrl-C")
            voice.data(address)
            if browser:
                webbrowser.open(address)

        serve(pages, listener, host, ready)
    made = len(pages.desk.answers.refresh().standing()) - standing
    voice.note(f"{made:,} rows decided{f', {standing:,} before' if standing else ''}")
    if made + standing:
        place = shlex.quote(str(folder.path))
        voice.note(f"the file with the decisions: labelfix export --run {place} --answers --corrected-labels OUT")
        voice.note(f"train again on them: labelfix learn --run {place}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "somebody"
