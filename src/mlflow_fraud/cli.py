"""`mlflow-fraud`: the words for what a person does; each calls one function."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from mlflow_fraud.core.errors import FraudError
from mlflow_fraud.operations.workplace import changes_the_folder, require_free_port, require_no_conflict
from mlflow_fraud.paths import CONTRACTS, GATE, STREAM
from mlflow_fraud.stages.before import prepare_environment

app = typer.Typer(help=__doc__, no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
data = typer.Typer(help="Raw data: make it, check it, pin it, choose it.", no_args_is_help=True)
contract = typer.Typer(help="Contracts: what a transaction is.", no_args_is_help=True)
record = typer.Typer(help="The record of payments, answers and labels.", no_args_is_help=True)
labels = typer.Typer(help="What became known of payments.", no_args_is_help=True)
review = typer.Typer(help="A pull request that retrains: what its workflows type.", no_args_is_help=True)
keys = typer.Typer(help="API keys of the service: make one, list them, take one away.", no_args_is_help=True)
app.add_typer(data, name="data")
app.add_typer(contract, name="contract")
app.add_typer(record, name="record")
app.add_typer(labels, name="labels")
app.add_typer(keys, name="keys")
app.add_typer(review, name="review")


def main() -> None:
    """Run the command line; a user's mistake is one line on standard error and exit code 1."""
    try:
        prepare_environment()
        require_no_conflict()
        app()
    except FraudError as error:
        sys.exit(f"error: {error}")


@data.command("simulate")
@changes_the_folder
def data_simulate() -> None:
    """Make the built-in data set's batch and pin it."""
    from mlflow_fraud.operations.data.simulate import simulate_batch

    simulate_batch()


@data.command("stream")
@changes_the_folder
def data_stream(
    scenario: Annotated[str, typer.Option(help="stable, new-pattern, seasonal or broken-feed")] = "stable",
    months: Annotated[int, typer.Option(min=1, help="how many windows of 30 days")] = 3,
    to: Annotated[Path, typer.Option(help="the folder to write to")] = STREAM,
) -> None:
    """Make the labelled months that follow the built-in data, to watch the live release on."""
    from mlflow_fraud.operations.data.simulate import simulate_stream

    simulate_stream(scenario, months, to / scenario)


@data.command("add")
@changes_the_folder
def data_add(
    source: Annotated[Path, typer.Argument(help="a .csv, .csv.gz or .parquet file, a folder or a zip of them")],
    dataset: Annotated[str, typer.Option(help="the data set's name in params.yaml")] = "sparkov",
    backwards: Annotated[
        bool, typer.Option("--backwards", help="rows may reach before the end of what is pinned")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="a batch takes the place of the pinned one of its name, whose rows go")
    ] = False,
) -> None:
    """Check raw batches against the contract and pin them with DVC; nothing changes when one fails."""
    from mlflow_fraud.operations.data.add import add

    add(source, dataset, backwards=backwards, replace=replace)


@data.command("correct")
@changes_the_folder
def data_correct(
    file: Annotated[Path, typer.Argument(help="a CSV or Parquet file: the id, `column`, `value`, `arrived`")],
    dataset: Annotated[str, typer.Option(help="the data set's name; the active one if not given")] = "",
) -> None:
    """Check what changes pinned rows (labels, amounts, reversed or erased payments) and pin it; ingest applies it."""
    from mlflow_fraud.operations.data.correct import correct

    correct(file, dataset)


@data.command("collect")
@changes_the_folder
def data_collect(
    as_of: Annotated[str, typer.Option(help="as of a day or a time, such as 2020-06-30; of now if not given")] = "",
) -> None:
    """Pin the record's whole mature days as batches, and what became known of pinned rows as corrections."""
    from mlflow_fraud.operations.collection.collect import collect
    from mlflow_fraud.operations.record.days import moment_of

    collect(moment_of(as_of, "--as-of") if as_of else None)


@data.command("past")
def data_past(
    as_of: Annotated[str, typer.Argument(help="a day or a time, such as 2020-06-30 or 2020-06-30T12:00")],
    to: Annotated[Path, typer.Argument(help="the Parquet file to write")],
    dataset: Annotated[str, typer.Option(help="the data set's name; the active one if not given")] = "",
) -> None:
    """Write the pinned transactions as they were known then: labels and corrections that had arrived, no later ones."""
    from mlflow_fraud.operations.data.past import write_past

    typer.echo(write_past(as_of, to, dataset))


@data.command("check")
def data_check(
    source: Annotated[Path, typer.Argument(help="a .csv, .csv.gz or .parquet file, a folder or a zip of them")],
    dataset: Annotated[str, typer.Option(help="the data set's name in params.yaml")] = "sparkov",
    to: Annotated[Path, typer.Option(help="the folder for the gate's pages")] = GATE,
    replace: Annotated[
        bool, typer.Option("--replace", help="look as if it took the place of the pinned one of its name")
    ] = False,
) -> None:
    """Hold raw batches against the contract and all that is pinned; pin nothing, write what the gate finds as pages."""
    from mlflow_fraud.operations.data.add import check
    from mlflow_fraud.stages.validate import require_passed

    report = check(source, dataset, to, replace=replace)
    typer.echo(f"{report.to_markdown()}\npages: {to / 'index.html'}")
    require_passed(report)


@data.command("bring")
@changes_the_folder
def data_bring(
    source: Annotated[Path, typer.Argument(help="a .csv, .csv.gz or .parquet file, a folder or a zip of them")],
    contract: Annotated[Path, typer.Argument(help="the contract that says what its columns are")],
    label_delay_days: Annotated[
        int, typer.Option(min=0, help="how many days after a transaction its label is known")
    ] = 0,
) -> None:
    """Bring a data set of your own: describe it in params.yaml, check and pin it, make it the active one."""
    from mlflow_fraud.operations.data.bring import bring

    bring(contract, source, label_delay_days)


@data.command("remote")
@changes_the_folder
def data_remote(
    url: Annotated[str, typer.Argument(help="where pinned data is shared: s3://bucket/prefix or a folder")],
) -> None:
    """Let this clone push to and pull from a DVC remote, at FRAUD_S3_ENDPOINT_URL where that is set."""
    from mlflow_fraud.operations.data.remote import use_remote

    use_remote(url)


@data.command("log")
def data_log(
    dataset: Annotated[str, typer.Argument(help="the data set's name; the active one if not given")] = "",
) -> None:
    """Print every pinned batch: what it spans, rows, fraud rate, hash and the commit that pinned it."""
    from mlflow_fraud.operations.data.log import log

    typer.echo(log(dataset))


@data.command("use")
@changes_the_folder
def data_use(dataset: Annotated[str, typer.Argument(help="the data set's name in params.yaml")]) -> None:
    """Make a data set the one that the pipeline reads."""
    from mlflow_fraud.operations.data.use import use

    use(dataset)


@contract.command("init")
def contract_init(
    source: Annotated[Path, typer.Argument(help="a .csv, .csv.gz or .parquet file like those to come")],
    name: Annotated[str, typer.Option(help="the data set's name")] = "own",
    separator: Annotated[str, typer.Option(help="what separates its columns; told from the file if not given")] = "",
    decimal: Annotated[str, typer.Option(help="its decimal mark; told from the file if not given")] = "",
    encoding: Annotated[str, typer.Option(help="its encoding; told from the file if not given")] = "",
) -> None:
    """Print a first contract for files like this one, its roles guessed; look each over."""
    from mlflow_fraud.operations.data.bring import first_contract

    said = {"separator": separator, "decimal": decimal, "encoding": encoding}
    typer.echo(first_contract(source, name, **said), nl=False)


@contract.command("check")
def contract_check(
    files: Annotated[list[Path], typer.Argument(help="contracts")],
) -> None:
    """Check contracts; each mistake is named by its line, with the nearest right word."""
    from mlflow_fraud.core.gate.rules import rules_of
    from mlflow_fraud.settings import load_contract

    for file in files:
        read = load_contract(file)
        typer.echo(f"{file}: {read.name} has {len(read.columns)} columns, {len(rules_of(read))} rules follow")


@contract.command("key")
def contract_key(
    new: Annotated[
        bool, typer.Option("--new", help="make a key first and print it, once, for where secrets are")
    ] = False,
) -> None:
    """Print the line by which a contract pins the key of its secret columns, FRAUD_PSEUDONYM_KEY."""
    from mlflow_fraud.operations.data.pseudonym_key import key_line, new_key

    for line in new_key() if new else [key_line()]:
        typer.echo(line)


@contract.command("schema")
def contract_schema() -> None:
    """Print the JSON schema of contracts: docs/contract.schema.json is made so."""
    from mlflow_fraud.core.describing.schema import contract_schema as schema

    typer.echo(schema(), nl=False)


@contract.command("language")
def contract_language() -> None:
    """Print the page on the language of contracts: docs/contract-language.md is made so."""
    from mlflow_fraud.core.describing.language import language_page

    typer.echo(language_page(), nl=False)


@contract.command("page")
def contract_page(
    file: Annotated[Path, typer.Argument(help="a contract")] = CONTRACTS / "sparkov.yaml",
) -> None:
    """Print a contract as a page: docs/data-contract.md is made so."""
    from mlflow_fraud.core.describing.page import page_of
    from mlflow_fraud.core.gate.in_words import HOW
    from mlflow_fraud.core.gate.rules import rules_of
    from mlflow_fraud.settings import load_contract

    read = load_contract(file)
    typer.echo(page_of(read, file=file.as_posix(), rules=len(rules_of(read)), how=HOW), nl=False)


@app.command()
def evaluate(
    protocol: Annotated[str, typer.Option(help="official, holdout or prequential")] = "prequential",
    dataset: Annotated[str, typer.Option(help="the data set's name; the active one if not given")] = "",
    candidate: Annotated[str, typer.Option(help="logistic, forest or xgboost")] = "xgboost",
    alerts_per_day: Annotated[int | None, typer.Option(min=1, help="k, instead of that in `costs`")] = None,
    test_until: Annotated[str | None, typer.Option(help="prequential: the last test's last day")] = None,
    test_days: Annotated[int | None, typer.Option(help="prequential: days of each test")] = None,
    folds: Annotated[int | None, typer.Option(help="prequential: how many tests")] = None,
    train_days: Annotated[int | None, typer.Option(help="prequential: days learned from, validation's too")] = None,
    validation_days: Annotated[int | None, typer.Option(help="prequential: the last of them")] = None,
    label_delay_days: Annotated[int | None, typer.Option(help="prequential: days until a label is known")] = None,
    known_days: Annotated[
        int | None, typer.Option(help="prequential: a card's fraud in so many last train days makes it known")
    ] = None,
) -> None:
    """Judge a candidate by a protocol: each test period, their mean and standard deviation.

    Options of the protocol prequential take the place of `evaluate.prequential` in params.yaml.
    """
    from mlflow_fraud.operations.evaluation import evaluate as evaluating

    told = {
        "train_days": train_days,
        "validation_days": validation_days,
        "label_delay_days": label_delay_days,
        "test_days": test_days,
        "folds": folds,
        "test_until": test_until,
        "known_days": known_days,
    }
    rolling = {name: value for name, value in told.items() if value is not None}
    page = evaluating.evaluate(protocol, candidate, dataset, rolling=rolling, alerts_per_day=alerts_per_day)
    typer.echo(page)


@app.command()
def tune(
    candidate: Annotated[str, typer.Argument(help="logistic, forest or xgboost")] = "xgboost",
    trials: Annotated[
        int, typer.Option(min=1, help="how many trials the study is to have, earlier ones included")
    ] = 30,
    timeout: Annotated[float | None, typer.Option(min=0, help="seconds after which no further trial begins")] = None,
    objective: Annotated[str, typer.Option(help="average precision on: validation or prequential")] = "validation",
) -> None:
    """Search for better parameters and write them to params.yaml; a search that was killed goes on."""
    from mlflow_fraud.operations.evaluation import tune as tuning

    typer.echo(tuning.tune(candidate, trials, timeout, objective))


@app.command()
def leakage(
    candidate: Annotated[str, typer.Option(help="logistic, forest or xgboost")] = "xgboost",
    dataset: Annotated[str, typer.Option(help="the data set's name; the active one if not given")] = "",
    borders: Annotated[int, typer.Option(min=1, help="at how many instants the history is cut")] = 6,
) -> None:
    """Look for knowledge that a model cannot have: in labels, split and features; exit 1 when there is some."""
    from mlflow_fraud.operations.evaluation import leakage as leaking

    typer.echo(leaking.leakage(candidate, dataset, borders))


@app.command("what-if")
def what_if(
    threshold: Annotated[float | None, typer.Option(help="flag from this probability on")] = None,
    policy: Annotated[
        str,
        typer.Option(help="max-f1, min-precision, alert-budget, min-cost or expected-loss, settled on earlier rows"),
    ] = "",
    precision: Annotated[float | None, typer.Option(help="min-precision: the precision to keep")] = None,
    alerts_per_day: Annotated[
        float | None, typer.Option(help="the budget of alert-budget, which it alone means, or of expected-loss")
    ] = None,
    release: Annotated[str, typer.Option(help="another version of the store; the live one if not given")] = "",
    test_period: Annotated[
        bool, typer.Option("--test-period", help="replay the test period instead of the record")
    ] = False,
) -> None:
    """Replay the record under another threshold, policy or release: money, alerts, recall, beside what is live."""
    from mlflow_fraud.operations.release.store import open_configured_store
    from mlflow_fraud.operations.whatif.asked import Asked
    from mlflow_fraud.operations.whatif.what_if import what_if as supposing
    from mlflow_fraud.stages.progress import watched

    asked = Asked(threshold, policy, precision, alerts_per_day, release, test_period)
    with watched("what-if", lambda line: typer.echo(line, err=True)) as progress:
        page = supposing(open_configured_store(), asked, progress)
    typer.echo(page)


@app.command()
def track() -> None:
    """Make sure that MLflow has a run of every trained candidate."""
    from mlflow_fraud.operations.tracking.mirror import track_all

    for candidate, logged in track_all():
        typer.echo(f"{candidate}: run {logged.run_id}, version {logged.model_version}, new: {logged.new}")


@app.command()
@changes_the_folder
def compare(
    first: Annotated[bool, typer.Option("--first", help="this may be the first release: nothing is live yet")] = False,
    base: Annotated[
        str, typer.Option(help="judge by `compare` and `costs` as params.yaml has them in this commit")
    ] = "",
) -> None:
    """Judge the best candidate against the live release and write the verdict."""
    from mlflow_fraud.operations.release import compare as comparing
    from mlflow_fraud.operations.release.store import open_configured_store
    from mlflow_fraud.operations.reporting.summary import verdict_summary

    comparing.compare(open_configured_store(), first=first, base=base)
    typer.echo(verdict_summary())


@app.command()
def promote(
    first: Annotated[bool, typer.Option("--first", help="judge again, as what may be the first release")] = False,
    held: Annotated[str, typer.Option(help="instead, put this version live again, which was rolled back from")] = "",
    reason: Annotated[str, typer.Option(help="with --held: why, for the ledger")] = "",
    reviewed: Annotated[
        bool, typer.Option("--reviewed", help="only with the decision that was merged, and only if it still wins")
    ] = False,
    base: Annotated[
        str, typer.Option(help="with --reviewed: by `compare` and `costs` of params.yaml in this commit")
    ] = "",
) -> None:
    """Carry out the verdict: write the release, move the pointer, set MLflow's alias."""
    if held:
        _put_back(held, reason)
    else:
        _carry_out(first, reviewed, base)


def _put_back(version: str, reason: str) -> None:
    """Wait for nobody and open no MLflow, as `rollback` does."""
    from mlflow_fraud.operations.release import rollback as going_back
    from mlflow_fraud.operations.release.store import open_configured_store

    store = open_configured_store()
    replaced = going_back.put_back(store, version, reason=reason)
    typer.echo(f"live: {version}, in place of {replaced}")
    typer.echo(going_back.let_alias_follow(store, version))


@changes_the_folder
def _carry_out(first: bool, reviewed: bool, base: str) -> None:
    from mlflow_fraud.operations.release import compare as comparing
    from mlflow_fraud.operations.release import promote as promoting
    from mlflow_fraud.operations.release import reviewed as by_review
    from mlflow_fraud.operations.release.store import open_configured_store

    store = open_configured_store()
    if first and not reviewed:
        comparing.compare(store, first=True)
    outcome = by_review.promote_reviewed(store, first=first, base=base) if reviewed else promoting.promote(store)
    promoting.mirror_champion(store)
    live = f"live: {outcome.version}" if outcome.version else f"nothing is live in {store}"
    typer.echo(f"{live}; {'; '.join(outcome.reasons)}")


@app.command()
def show() -> None:
    """Print the candidates, the verdict, what is live, and what to open next."""
    from mlflow_fraud.operations.reporting.show import show as showing

    typer.echo(showing())


@app.command()
def summary(
    since: Annotated[str, typer.Option(help="a git revision to tell the difference from")] = "",
) -> None:
    """Print how the last retraining went, as Markdown for a pull request."""
    from mlflow_fraud.operations.reporting.summary import retraining_summary

    typer.echo(retraining_summary(since))


@app.command()
def comment(
    text: Annotated[Path, typer.Argument(help="the Markdown file that `summary` wrote")],
    pull_request: Annotated[int, typer.Option(min=1, help="the pull request's number")],
    repository: Annotated[str, typer.Option(envvar="GITHUB_REPOSITORY", help="owner/name")],
    api: Annotated[str, typer.Option(envvar="GITHUB_API_URL", help="GitHub's API")] = "https://api.github.com",
) -> None:
    """Keep one comment on a pull request up to date; FRAUD_GITHUB_TOKEN lets it."""
    from mlflow_fraud.operations.reporting.comment import comment as commenting

    typer.echo(commenting(text, repository, pull_request, api))


@review.command("request")
def review_request(
    number: Annotated[int, typer.Argument(help="the number that was typed")],
    branch: Annotated[str, typer.Argument(help="the branch that the run is on")],
    base: Annotated[str, typer.Argument(help="the branch that it is to be merged into")],
) -> None:
    """Look whether an open pull request of this number is of these two branches; exit 1 where it is not."""
    from mlflow_fraud.operations.review.request import require_request

    typer.echo(require_request(number, branch, base))


@review.command("merge")
@changes_the_folder
def review_merge(
    base: Annotated[str, typer.Argument(help="the commit that the pull request is to be merged into")],
) -> None:
    """Take the base in; what runs make of both is the base's, to be made anew."""
    from mlflow_fraud.operations.review.merged import take_base_in

    take_base_in(base)


@review.command("push")
@changes_the_folder
def review_push(
    branch: Annotated[str, typer.Argument(help="the pull request's branch")],
) -> None:
    """Commit what was made, push its data, push it to the branch, and start the checks of `ci.yml` there."""
    from mlflow_fraud.operations.review.pushed import push_made

    push_made(branch)


@review.command("text")
def review_text(
    base: Annotated[str, typer.Argument(help="the commit that the pull request is to be merged into")],
    log: Annotated[Path | None, typer.Option(help="what was printed on the way, for why it stopped")] = None,
    pictures: Annotated[
        str, typer.Option(help="push the curves to this folder of a branch of their own, and show them")
    ] = "",
    local: Annotated[bool, typer.Option("--local", help="show the curves from where they lie, and push none")] = False,
    branch: Annotated[str, typer.Option(help="say so where this branch lacks what was made")] = "",
) -> None:
    """Print how the retraining went against the live release and the base, as Markdown for the pull request."""
    from mlflow_fraud.operations.review.text import review_text as reviewing

    typer.echo(reviewing(base, log=log, pictures=pictures, local=local, branch=branch))


@review.command("preview")
@changes_the_folder
def review_preview(
    base: Annotated[str, typer.Argument(help="the branch that the pull request is to be merged into")] = "main",
) -> None:
    """Do to what lies here what a pull request's workflow would, in a clone that goes again; show its comment."""
    from mlflow_fraud.operations.review.preview import preview

    preview(base)


@review.command("check")
def review_check(
    branch: Annotated[str, typer.Argument(help="the pull request's branch")],
) -> None:
    """Let its newest commit have the check `champion/challenger`; FRAUD_VERDICT_NO says how it ends for a no."""
    from mlflow_fraud.operations.review.checks import tell_verdict

    typer.echo(tell_verdict(branch))


@review.command("mirror")
def review_mirror(
    results: Annotated[str, typer.Argument(envvar="RESULTS", help="the jobs and how they ended, as GitHub has them")],
) -> None:
    """Let a commit of what runs make have the result of its checks as the status `ci`."""
    from mlflow_fraud.operations.review.checks import mirror

    typer.echo(mirror(results))


@review.command("conflicts")
def review_conflicts(
    base: Annotated[str, typer.Argument(help="the branch that went on")],
) -> None:
    """Let the comment of each retrained pull request that is in conflict now say how it is retrained by hand."""
    from mlflow_fraud.operations.review.conflicts import tell_conflicts

    for told in tell_conflicts(base):
        typer.echo(told)


@review.command("pins")
def review_pins() -> None:
    """Look whether dvc.lock names what the files here make; exit 1 where a stage would run again."""
    from mlflow_fraud.operations.review.pins import require_pins

    typer.echo(require_pins())


@review.command("paths")
def review_paths() -> None:
    """Print for which changed files a pull request retrains: all that a stage in dvc.yaml depends on."""
    from mlflow_fraud.operations.review.paths import trigger_paths

    for path in trigger_paths():
        typer.echo(path)


@app.command()
def ledger() -> None:
    """Print who put which version live, when and why."""
    from mlflow_fraud.operations.release.store import open_configured_store

    for record in open_configured_store().ledger():
        typer.echo(f"{record.number:>4}  {record.at}  {record.who}  {record.action}  {record.to_version}")
        typer.echo(f"      {'; '.join(record.reasons)}")


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="why, for the ledger, where it stays")],
    to: Annotated[
        str,
        typer.Option(help="a version that was once live; the one before if not given, a must where `latest` is lost"),
    ] = "",
) -> None:
    """Go back to the release that was live before; what is left goes live again by its name alone."""
    from mlflow_fraud.operations.release import rollback as going_back
    from mlflow_fraud.operations.release.store import open_configured_store

    store = open_configured_store()
    moved = going_back.rollback(store, reason=reason, to=to)
    typer.echo(f"live: {moved.version}; held: {', '.join(moved.held)}")
    typer.echo(going_back.let_alias_follow(store, moved.version))


@app.command()
def alias() -> None:
    """Let MLflow's alias `champion` name what is live; it follows each promotion and rollback by itself."""
    from mlflow_fraud.operations.release.promote import mirror_champion
    from mlflow_fraud.operations.release.store import open_configured_store

    version = mirror_champion(open_configured_store())
    typer.echo(f"champion: version {version}" if version else "the alias champion was not set")


@app.command()
def history(
    on: Annotated[str, typer.Option(help="a day in UTC, like 2026-03-05: what was live on it")] = "",
) -> None:
    """Print what was live from when to when, who put it live and why."""
    from mlflow_fraud.operations.release.history import history as lives
    from mlflow_fraud.operations.release.store import open_configured_store

    typer.echo(lives(open_configured_store(), on))


@record.command("seed")
def record_seed(
    add: Annotated[bool, typer.Option("--add", help="add what a record that has payments lacks")] = False,
) -> None:
    """Fill an empty record from the pinned history, so that a service begins with a past."""
    from mlflow_fraud.operations.record.seed import seed

    typer.echo(seed(add=add))


@record.command("upgrade")
def record_upgrade() -> None:
    """Take an older record to the tables that this program reads."""
    from mlflow_fraud.operations.record.upgrade import upgrade_record

    typer.echo(upgrade_record())


@record.command("show")
def record_show(prediction_id: Annotated[str, typer.Argument(help="as it is in the answer")]) -> None:
    """Print what led to an answer: transaction, features as they were, release, run, data and commit."""
    from mlflow_fraud.operations.record.show import show_prediction

    typer.echo(show_prediction(prediction_id))


@labels.command("add")
def labels_add(
    file: Annotated[Path, typer.Argument(help="a CSV or Parquet file with ids, labels and arrivals")],
) -> None:
    """Add a file of labels to the record, new ones only; a service that runs takes them in by itself."""
    from mlflow_fraud.operations.record.labels import add_labels

    typer.echo(add_labels(file))


@record.command("export")
def record_export(
    folder: Annotated[Path, typer.Argument(help="a folder that is not there yet, or empty")],
    since: Annotated[str, typer.Option(help="the first day, like 2020-06-30")] = "",
    until: Annotated[str, typer.Option(help="the first day behind the last one")] = "",
    with_quarantined: Annotated[bool, typer.Option("--with-quarantined", help="also what is in quarantine")] = False,
) -> None:
    """Write payments, answers, labels and corrections as Parquet files, a day each; a service goes on meanwhile."""
    from mlflow_fraud.operations.record.export import export

    typer.echo(export(folder, since=since, until=until, with_quarantined=with_quarantined))


@record.command("prune")
def record_prune(
    older_than: Annotated[int, typer.Option(min=1, metavar="DAYS", help="how many days of payments stay")],
) -> None:
    """Delete what is older than so many days before the newest; a service goes on meanwhile."""
    from mlflow_fraud.operations.record.prune import prune_record

    for line in prune_record(older_than):
        typer.echo(line)


@record.command("backup")
def record_backup(file: Annotated[Path, typer.Argument(help="a file that is not there yet")]) -> None:
    """Write the record as it is now into one SQLite file, whatever database it is in; a service goes on meanwhile."""
    from mlflow_fraud.operations.record.backup import backup

    typer.echo(backup(file))


@record.command("restore")
def record_restore(
    file: Annotated[Path, typer.Argument(help="a file that `record backup` wrote")],
    forgotten: Annotated[
        Path | None, typer.Option(help="a list of the forgotten; those in data/contracts if not given")
    ] = None,
) -> None:
    """Fill an empty record from a backup, without those who were forgotten since; no service may have it open."""
    from mlflow_fraud.operations.record.backup import restore_backup

    typer.echo(restore_backup(file, forgotten))


@record.command("forget", context_settings={"ignore_unknown_options": True})
def record_forget(
    who: Annotated[
        list[str], typer.Argument(metavar="--ENTITY VALUE", help="such as `--card -`; with - the value is read")
    ],
) -> None:
    """Delete all that the record has of one card, or of one of another entity, and leave it out of ingest."""
    from mlflow_fraud.operations.record.forget import forget

    for line in forget(who):
        typer.echo(line)


@record.command("quarantine")
def record_quarantine(
    since: Annotated[str, typer.Option("--from", help="the first event time, like 2020-06-30T12:00")] = "",
    until: Annotated[str, typer.Option("--to", help="the first event time behind the span")] = "",
    reason: Annotated[str, typer.Option(help="what went wrong")] = "",
    listed: Annotated[bool, typer.Option("--list", help="print what is in quarantine")] = False,
) -> None:
    """Leave a span of event times out of exports, collection and a service's past; the payments stay in the record."""
    from mlflow_fraud.operations.record.quarantine import quarantine, quarantine_list

    typer.echo(quarantine_list() if listed else quarantine(since, until, reason))


@record.command("audit")
def record_audit() -> None:
    """Print which commands changed the record, and when: forget, prune, quarantine, restore."""
    from mlflow_fraud.operations.record.audit import audit

    typer.echo(audit())


@keys.command("add")
def keys_add(
    name: Annotated[str, typer.Argument(help="whose key it is; a client may have several at once")],
    scope: Annotated[list[str], typer.Option(help="what it is for: score, label or admin; say it again for another")],
    expires: Annotated[str, typer.Option(help="the day from which it is no longer valid, like 2030-01-31")] = "",
) -> None:
    """Make an API key and print it, this once: kept is its SHA-256."""
    from mlflow_fraud.operations import keys as of_the_service

    typer.echo(of_the_service.add(name, scope, expires))


@keys.command("list")
def keys_list() -> None:
    """Print whose keys there are, what for and until when, with the end of each one's SHA-256."""
    from mlflow_fraud.operations import keys as of_the_service

    typer.echo(of_the_service.listed())


@keys.command("remove")
def keys_remove(
    name: Annotated[str, typer.Argument(help="whose key it is")],
    mark: Annotated[str, typer.Option(help="of several, the end of its SHA-256, as `keys list` has it")] = "",
) -> None:
    """Take an API key away; a service that runs refuses it within a second."""
    from mlflow_fraud.operations import keys as of_the_service

    typer.echo(of_the_service.remove(name, mark))


@app.command()
def score(
    file: Annotated[Path, typer.Argument(help="a .csv, .csv.gz or .parquet file in the contract's columns")],
    features: Annotated[
        bool,
        typer.Option("--features", help="the .csv or .parquet file has the release's features: no past counts"),
    ] = False,
    release: Annotated[str, typer.Option(help="the version that scores; the live one if not given")] = "",
    out: Annotated[
        Path | None, typer.Option(help="the .csv or .parquet file to write; <file>.scores beside it if not given")
    ] = None,
    without_record: Annotated[
        bool, typer.Option("--without-record", help="only the file's own rows are the past of later ones")
    ] = False,
    reasons: Annotated[
        int, typer.Option(min=0, help="so many reasons with each score, 10 at most; they take some milliseconds a row")
    ] = 0,
    strict: Annotated[bool, typer.Option("--strict", help="exit with 1 where a row was refused")] = False,
) -> None:
    """Write what the service would answer to each row of a file, without the service; the record stays as it is."""
    from mlflow_fraud.core.errors import DataError, SettingsError
    from mlflow_fraud.environment import load_environment
    from mlflow_fraud.serving.scored_features import score_features
    from mlflow_fraud.serving.scored_file import score_file
    from mlflow_fraud.stages.progress import watched

    if features and reasons:
        raise SettingsError("expected --features or --reasons, found both; reasons are of payments: leave one out")
    if features and without_record:
        raise SettingsError("--features looks at no past, with a record or without one; leave --without-record out")
    place = load_environment()
    with watched("scoring", lambda line: typer.echo(line, err=True)) as progress:
        if features:
            summary = score_features(place, file, progress, release=release, out=out)
        else:
            summary = score_file(
                place, file, progress, release=release, out=out, without_record=without_record, reasons=reasons
            )
    if strict and summary.refused:
        raise DataError(f"{summary}")
    typer.echo(f"{summary}")


@app.command()
def serve(
    host: Annotated[
        str, typer.Option(help="the address to listen on; one that others reach asks for API keys")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="the port to listen on")] = 8000,
) -> None:
    """Answer `POST /v1/score` with the newest release, and follow it."""
    from mlflow_fraud.environment import load_environment
    from mlflow_fraud.serving.main import serve as serving

    require_free_port(host, port)
    serving(load_environment(), host=host, port=port)
