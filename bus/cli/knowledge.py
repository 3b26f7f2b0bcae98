"""`ticketbus knowledge`: what closed tickets taught, filed by editors, found again."""

from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.domain.knowledge import ArticleChange, ArticleState, article_no, number_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bus.app import Core
    from bus.domain.decided import Decided
    from bus.domain.text import Text
    from bus.knowledge.pool import ArticleEdit
    from bus.knowledge.rows import ArticleRow, ArticleVersion

MOST = 50
commands = typer.Typer(name="knowledge", help="The knowledge pool: what closed tickets taught.", no_args_is_help=True)


def _number(text: str) -> int:
    number = number_of(text)
    if number is None:
        raise typer.BadParameter("形如 KB-12 / a number as KB-12")
    return number


No = Annotated[int, typer.Argument(metavar="ARTICLE", parser=_number, help="The article's number, as KB-12.")]
By = Annotated[str, typer.Option("--by", callback=redrive.person, help="Who decides, by name.")]
Why = Annotated[str, typer.Option("--why", callback=redrive.not_blank, help="The reason, kept with the version.")]
Most = Annotated[int, typer.Option("--most", min=1, max=10_000, help="So many at most.")]


@commands.command("list")
def list_articles(
    state: Annotated[ArticleState | None, typer.Option("--state", help="Of this state; without: all.")] = None,
    root_cause: Annotated[str, typer.Option("--root-cause", help="Of this root cause, by its code.")] = "",
    most: Most = MOST,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List articles, the newest number first: state, how often they were used again, root cause, title.

    Example: ticketbus knowledge list --state draft
    """
    from bus.cli.run import with_core
    from bus.knowledge.rows import ArticleList
    from bus.programs.knowledge import knowledge_of

    wanted = ArticleList(state=state, root_cause=root_cause, most=most)
    _echo_rows(with_core(data, lambda core: knowledge_of(core).listed(wanted)), as_json=as_json)


@commands.command()
def search(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Words, numbers or whole sentences, Chinese or Latin.")],
    most: Most = 10,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Find the filed articles that fit a text best, the best one first.

    Example: ticketbus knowledge search 压缩机不启动
    """
    from bus.cli.run import with_core
    from bus.programs.knowledge import knowledge_of

    _echo_rows(with_core(data, lambda core: knowledge_of(core).search(text, most)), as_json=as_json)


@commands.command()
def suggest(
    ticket: Annotated[str, typer.Argument(metavar="ID", help="The ticket number, as in T20261122-000123.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Give the three filed articles that fit a ticket's title and description best. Exits 1 without such a ticket.

    Example: ticketbus knowledge suggest T20261122-000123
    """
    from bus.cli.run import with_core
    from bus.domain.terms import TicketId
    from bus.programs.knowledge import knowledge_of

    number = TicketId(ticket.strip().upper())
    found = with_core(data, lambda core: knowledge_of(core).suggested(number))
    if found is None:
        echo(f"没有工单“{number}” / there is no ticket {number!r}", err=True)
        raise typer.Exit(1)
    _echo_rows(found, as_json=as_json)


@commands.command()
def show(number: No, data: Data = None, as_json: Json = False) -> None:
    """Show an article and each of its versions: what became of it, when, by whom and why.

    Exits 1 when there is none of that number.

    Example: ticketbus knowledge show KB-12
    """
    from bus.cli.run import echo_json, with_core
    from bus.knowledge.rows import row_values, version_values
    from bus.programs.knowledge import knowledge_of
    from bus.rules_config import root_cause_words

    async def work(core: "Core") -> "tuple[ArticleRow, Sequence[ArticleVersion]] | None":
        pool = knowledge_of(core)
        row = await pool.shown(number)
        return (row, await pool.versions(number)) if row else None

    found = with_core(data, work)
    if found is None:
        _none(number)
    row, versions = found
    if as_json:
        echo_json({**row_values(row, root_cause_words()), "versions": [version_values(one) for one in versions]})
        return
    article = row.article
    echo(_line(row, root_cause_words()))
    echo(f"  工单 ticket: {article.ticket_id}  类型 type: {article.type}  已复用 used again: {row.reused}")
    echo(f"  解决 solution: {article.solution or '-'}")
    echo(f"  要点 phrases: {', '.join(article.words) or '-'}")
    echo(f"  附件 attachments: {', '.join(f'{one.zh} {one.value}' for one in article.attachments) or '-'}")
    for one in versions:
        change, when = f"{one.change.zh} {one.change.value}", f"{one.changed_at:%Y-%m-%d %H:%M}Z"
        echo(f"  {one.version:>3}  {change}  {when}  {one.changed_by}  {one.why}".rstrip())


@commands.command()
def file(number: No, by: By, why: Why, data: Data = None) -> None:
    """File an article: from now on it is found, suggested and linked. A withdrawn one comes back.

    Exits 1 when there is none of that number, 2 when it lacks a title, a solution or a known root cause.

    Example: ticketbus knowledge file KB-12 --by 张工 --why 已核对
    """
    _change(number, ArticleChange.FILED, _decided(by, why), None, data)


@commands.command()
def withdraw(number: No, by: By, why: Why, data: Data = None) -> None:
    """Withdraw an article: it is found and suggested no more. Nothing of it is lost.

    Example: ticketbus knowledge withdraw KB-12 --by 张工 --why 机型停产
    """
    _change(number, ArticleChange.WITHDRAWN, _decided(by, why), None, data)


@commands.command()
def edit(
    number: No,
    *,
    by: By,
    why: Why,
    title: Annotated[str | None, typer.Option("--title", help="What is wrong, in one line.")] = None,
    root_cause: Annotated[str | None, typer.Option("--root-cause", help="The root cause, by its code.")] = None,
    solution: Annotated[str | None, typer.Option("--solution", help="What was found and done.")] = None,
    words: Annotated[
        list[str] | None, typer.Option("--word", help="A short phrase; may be repeated. Without: out of the solution.")
    ] = None,
    data: Data = None,
) -> None:
    """Change an article; what is not given stays. The version before is kept.

    Names of the ticket's customer and staff, and phones, are masked.

    Example: ticketbus knowledge edit KB-12 --title 洗衣机不脱水 --by 张工 --why 标题不清
    """
    from bus.knowledge.pool import ArticleEdit

    changed = ArticleEdit(title=title, root_cause=root_cause, solution=solution, words=tuple(words) if words else None)
    _change(number, ArticleChange.EDITED, _decided(by, why), changed, data)


@commands.command()
def draft(
    *,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="First closed from then on, as RFC 3339.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="And before then.")],
    data: Data = None,
) -> None:
    """Make drafts of tickets that were closed before there was a pool, or came in with a history; says their numbers.

    Of those alone whose root cause is known and that have no article. Interrupted, run it again.

    Example: ticketbus knowledge draft --since 2026-01-01T00:00:00+08:00 --until 2026-02-01T00:00:00+08:00
    """
    from bus.cli.run import with_core
    from bus.cli.time_option import read_time_option
    from bus.intake.dispatch import utc_now
    from bus.knowledge.past import draft_past
    from bus.programs.knowledge import knowledge_of

    begin, end = read_time_option(since, "--since"), read_time_option(until, "--until")

    async def work(core: "Core") -> None:
        made = 0
        async for one in draft_past(knowledge_of(core), begin, end, utc_now()):
            echo(one)
            made += 1
        echo(f"草稿 drafts: {made}", err=True)

    with_core(data, work)


@commands.command()
def reindex(data: Data = None) -> None:
    """Make the terms by which articles are found anew: once the words of root causes, or the rules of terms, changed.

    Example: ticketbus knowledge reindex
    """
    from bus.cli.run import with_core
    from bus.knowledge.reindex import reindex as index_again
    from bus.postgres.pool import in_transaction
    from bus.rules_config import root_cause_words

    count = with_core(data, lambda core: in_transaction(core.pool, index_again, root_cause_words()))
    echo(f"已重建索引 / terms made anew: {count}")


def _change(
    number: int, change: ArticleChange, decided: "Decided", changed: "ArticleEdit | None", data: "Data"
) -> None:
    from bus.cli.run import with_core
    from bus.knowledge.pool import NO_EDIT
    from bus.programs.knowledge import knowledge_of

    row = with_core(data, lambda core: knowledge_of(core).change(number, change, decided, changed or NO_EDIT))
    if row is None:
        _none(number)
    echo(f"{row.article.number} {row.state.zh} / {row.state.value}, 版本 version {row.version}")


def _decided(by: str, why: str) -> "Decided":
    from bus.domain.decided import Decided
    from bus.intake.dispatch import utc_now
    from bus.observability.masking import mask_text

    return Decided(by=by, why=mask_text(why), at=utc_now())


def _none(number: int) -> NoReturn:
    echo(f"没有知识 {article_no(number)} / there is no article {article_no(number)}", err=True)
    raise typer.Exit(1)


def _echo_rows(rows: "Sequence[ArticleRow]", *, as_json: bool) -> None:
    from bus.cli.run import echo_json
    from bus.knowledge.rows import row_values
    from bus.rules_config import root_cause_words

    causes = root_cause_words()
    for one in rows:
        if as_json:
            echo_json(row_values(one, causes))
        else:
            echo(_line(one, causes))
    if not rows and not as_json:
        echo("没有相符的知识 / no article fits", err=True)


def _line(row: "ArticleRow", causes: "Mapping[str, Text]") -> str:
    from bus.knowledge.rows import cause_text

    article = row.article
    about = f"{row.state.zh} {row.state.value:<9}  {row.reused:>4}x  {cause_text(article, causes).zh}"
    return f"{article.number:<8} {about}  {article.title}"
