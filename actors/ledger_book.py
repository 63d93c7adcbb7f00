"""One party's ledger as its actor uses it: sealed and on disk before it is said, checked before it is believed."""

from pathlib import Path
from random import Random

from actors.base import Context
from gw_spaceheat.decisions import ledger
from gw_spaceheat.decisions.ledger import LedgerState, Signer
from gw_spaceheat.errors import BadInput, StorageError
from gw_spaceheat.messages.contract import SlowContractHeartbeat
from gw_spaceheat.storage.ledger_file import (
    LedgerFile,
    check_signature,
    load_or_make_key,
    load_public_key,
    new_secret,
    public_key_of,
    signing,
)


class LedgerBook:
    """`their_key`: the other party's, when a person has given it; else the first one heard is held to.

    `problem`: why the own key could not be had; then nothing is said or believed, and the house heats on without.
    """

    def __init__(self, signer: Signer, file: LedgerFile, their_key: str = "", problem: str = "") -> None:
        self.signer = signer
        self._file = file
        self._their_key = their_key
        self.problem = problem
        self._state = LedgerState(their_key=their_key)

    @property
    def their_key(self) -> str:
        """The key that the other party's heartbeats are held to; empty until it has signed one."""
        return self._state.their_key

    def open(self, context: Context) -> None:
        """Go on where the file ends; a damaged line is said and left out."""
        lines = []
        try:
            tail = self._file.tail()
        except StorageError as error:
            tail, self.problem = [], self.problem or str(error)
        if self.problem:
            context.log("ledger", f"{self.problem}; no slot contract until the program is started with a sound disk")
        for text in tail:
            try:
                lines.append(ledger.parse_line(text)[0])
            except BadInput as error:
                context.log("ledger", f"{self._file.path}: {error}; left out")
        self._state = ledger.restore(lines, self._their_key)

    def say(self, heartbeat: SlowContractHeartbeat, context: Context) -> SlowContractHeartbeat | None:
        """The heartbeat to send; None when the ledger cannot hold it: what is not in it is not said."""
        if self.problem:
            return None
        state, sealed, line = ledger.seal(self._state, heartbeat, self.signer, context.now())
        if line is not None and not self._stored(line, context):
            return None
        self._state = state
        return sealed

    def hear(self, heartbeat: SlowContractHeartbeat, context: Context) -> str:
        """Why a heartbeat may not be acted upon; empty if it may."""
        if self.problem:
            return "the ledger cannot be used"
        state, heard = ledger.hear(self._state, heartbeat, self.signer.party, check_signature, context.now())
        if heard.line is not None and not self._stored(heard.line, context):
            return "the ledger cannot be written"
        self._state = state
        return heard.refused

    def _stored(self, line: ledger.Line, context: Context) -> bool:
        try:
            self._file.append(line.text, line.number)
        except StorageError as error:
            context.log("ledger", str(error))
            return False
        return True


def make_book(party: ledger.Party, folder: Path | None, chance: Random) -> LedgerBook:
    """With a folder: `ledger.jsonl`, `ledger.key` and, where a person has put it, the other's `ltn.pub` or `s.pub`.

    Without (virtual runs): in memory, with a key from `chance`.
    """
    problem = ""
    if folder is None:
        secret, file, their_key = chance.randbytes(32), LedgerFile(None), ""
    else:
        file = LedgerFile(folder / "ledger.jsonl")
        given = folder / ("ltn.pub" if party == "s" else "s.pub")
        try:
            secret, their_key = load_or_make_key(folder / "ledger.key"), ""
            their_key = load_public_key(given) if given.exists() else ""
        except (StorageError, BadInput, OSError) as error:
            # A key of this moment would make us another party. It signs nothing: the problem stands before it.
            secret, their_key, problem = new_secret(), "", str(error)
    return LedgerBook(Signer(party, public_key_of(secret), signing(secret)), file, their_key, problem)
