#!/usr/bin/python3
"""The independent verifier accepts the committed evidence file and refuses it with a byte changed, digest computed anew."""
import contextlib
import hashlib
import io
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, "tests/interop")
import verify_evidence  # noqa: E402

DATA = Path("proto/egov/exchange/v1/testdata")


def accepted(file, anchors):
    with tempfile.TemporaryDirectory() as work, contextlib.redirect_stdout(io.StringIO()):
        verify_evidence.WORK = work
        try:
            verify_evidence.verify(file, anchors)
            return True
        except (verify_evidence.Bad, KeyError, ValueError, IndexError, TypeError):
            return False


file, anchors = (DATA / "evidence.egov").read_bytes(), (DATA / "anchors.pem").read_bytes()
assert accepted(file, anchors), "the good file"
assert not accepted(file, b""), "without anchors"
assert not accepted(file[:-1] + bytes([file[-1] ^ 1]), anchors), "closing digest"
body = file[:-32]
tried = 0
for at in range(20, len(body), 331):
    changed = body[:at] + bytes([body[at] ^ 4]) + body[at + 1:]
    changed += hashlib.sha256(changed).digest()
    # What OpenSSL itself does not look at in a time-stamp's frame is for libs/proof to refuse.
    if accepted(changed, anchors):
        sys.exit(f"byte {at} was changed unseen")
    tried += 1
print(f"{tried} changes refused")
