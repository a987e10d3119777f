#!/usr/bin/python3
"""Checks an evidence file of egov offline. Written from proto/egov/exchange/v1/README.md and the .proto files alone,
with Python's standard library and the openssl command: usage: verify_evidence.py FILE ANCHORS.pem

Exit 0: intact, and what it proves is on standard output. Exit 1: not; the reason is on standard error."""
import base64, calendar, hashlib, re, subprocess, sys, tempfile, time
from pathlib import Path

WORK = None  # a temporary folder for openssl

class Bad(Exception): pass
def need(condition, why):
    if not condition: raise Bad(why)
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def commit(salt, parts): return sha(salt, *(len(p).to_bytes(4, "big") + p for p in parts))

def fields(data, known, repeated=()):
    """The fields of a message as {number: value or list}; strict: ascending, no defaults, none that is not known."""
    out, at, last = {n: [] for n in repeated}, 0, 0
    def varint():
        nonlocal at
        found = re.match(rb"[\x80-\xff]{0,9}[\0-\x7f]", data[at:at + 10])
        need(found and (len(found[0]) == 1 or found[0][-1]), "a varint is cut or longer than needed")
        at += len(found[0])
        return sum((byte & 0x7F) << 7 * i for i, byte in enumerate(found[0]))

    while at < len(data):
        number, kind = divmod(varint(), 8)
        need(known.get(number) == kind, f"field {number} is not known")
        need(number > last or (number == last and number in repeated), "fields are not in order")
        last, value = number, varint()
        if kind == 2:
            need(at + value <= len(data), "a field is cut")
            value, at = data[at:at + value], at + value
        need(value or number in repeated, "a default is written")
        out[number].append(value) if number in repeated else out.update({number: value})
    return out

def openssl(*args):
    run = subprocess.run(["openssl", *args], capture_output=True, cwd=WORK)
    return run.returncode == 0, run.stdout, run.stderr.decode(errors="replace").strip()

def shown(name, *args): return openssl("x509", "-inform", "DER", "-in", name, "-noout", *args)[1].decode()
def put(name, data): return (Path(WORK) / name).write_bytes(data) is not None and name
def split(n): return 1 << ((n - 1).bit_length() - 1)

def root_from_path(leaf, index, size, path):  # RFC 6962 section 2.1.1
    need(0 <= index < size, "no such leaf")
    if size == 1: return leaf if not path else need(False, "the path is too long")
    k = split(size)  # an empty path here is an IndexError, and a refusal
    if index < k: return sha(b"\1", root_from_path(leaf, index, k, path[:-1]), path[-1])
    return sha(b"\1", path[-1], root_from_path(leaf, index - k, size - k, path[:-1]))

def consistent(m, old, n, new, proof):  # RFC 6962 section 2.1.2
    path = list(proof)
    def both(m, n, whole):
        if m == n: return (old, old) if whole else (path.pop(),) * 2
        k, last = split(n), path.pop()
        if m <= k:
            a, b = both(m, k, whole)
            return a, sha(b"\1", b, last)
        a, b = both(m - k, n - k, False)
        return sha(b"\1", last, a), sha(b"\1", last, b)
    need(both(m, n, True) == (old, new) and not path, "the log after does not extend the log before")

def subject(name): return shown(name, "-subject")[8:].strip()

def subject_uri(name):
    uris = re.findall(r"URI:(\S+?)(?:,|\s|$)", shown(name, "-ext", "subjectAltName"))
    return uris[0] if len(uris) == 1 else need(False, "a certificate has not exactly one URI")

def spki(name):
    """DER of the public key; its PEM form is left in NAME.pub."""
    pem = shown(name, "-pubkey")
    put(name + ".pub", pem.encode())
    return base64.b64decode("".join(pem.splitlines()[1:-1]))

def chain(name, seconds, used, *more):
    """The chain of a seal or log certificate, at a moment; what it stands on is added to `used`."""
    good, out, why = openssl("verify", "-partial_chain", "-show_chain", "-attime", str(seconds), "-CAfile", "anchors.pem",
                             "-no-CApath", "-no-CAstore", "-untrusted", "others.pem", *more, name + ".pem")
    need(good, f"{name}: {why}")
    used.update(re.findall(r"depth=\d+: (.*?)(?: \(untrusted\))?\n", out.decode()))
    usage = shown(name, "-ext", "keyUsage").split("\n")[1].strip()
    need(usage == "Non Repudiation", f"{name}: the certificate is not one for seals")

def signed(name, data, signature):
    return openssl("dgst", "-sha256", "-verify", name + ".pub", "-signature", put("signature", signature),
                   put("data", data))[0]

def stamped(which, message, certificates, origin, used):
    """(size, root, seconds) of a checkpoint that its log signed and an authority stamped."""
    note, response = (fields(message, {1: 2, 2: 2}).get(n, b"") for n in (1, 2))
    m = re.fullmatch(rb"([!-*,-~]+)\n([1-9][0-9]*)\n([A-Za-z0-9+/]{43}=)\n\n(\xe2\x80\x94 [!-~]+ [A-Za-z0-9+/=]+\n)+", note)
    need(m and m[1].decode() == origin, which + ": no checkpoint of this log")
    text = note[:note.index(b"\n\n") + 1]
    name, line = note[len(text) + 1:].split(b"\n")[0].split(b" ")[1:]
    key_and_signature = base64.b64decode(line, validate=True)
    need(name == m[1] and base64.b64encode(key_and_signature) == line, which + ": the log's signature must come first")
    good, out, _ = openssl("ts", "-reply", "-text", "-in", put("tsr", response))
    need(good and b"Status: Granted." in out, which + ": no granted time-stamp")
    moment = re.sub(r"\.[0-9]+", "", re.search(r"Time stamp: (.*)", out.decode())[1])
    seconds = calendar.timegm(time.strptime(moment, "%b %d %H:%M:%S %Y GMT"))
    good, _, why = openssl("ts", "-verify", "-data", put("note", note), "-in", "tsr", "-CAfile", "anchors.pem",
                           "-untrusted", "others.pem", "-attime", str(seconds))
    need(good, f"{which}: time-stamp: {why}")
    unfit = "the log's certificate is missing"
    for log in certificates:
        if sha(spki(log))[:4] == key_and_signature[:4]:
            need(signed(log, text, key_and_signature[4:]), which + ": the checkpoint is not signed by the log")
            try: chain(log, seconds, used)
            except Bad as why:  # a key may have had another certificate then
                unfit = why
                continue
            need(re.search(r"(^|, )OU = log(,|$)", subject(log)), which + ": the certificate is not a log's")
            need(re.fullmatch(re.escape(subject_uri(log)[len("spiffe://"):]) + r"/log/(0|[1-9][0-9]*)", origin),
                 which + ": the log is another service's")
            return int(m[2]), base64.b64decode(m[3]), seconds, subject_uri(log)
    raise Bad(f"{which}: {unfit}")

def verify(data, anchors):
    first = b"egov evidence 1\n"
    need(data.startswith(first) and sha(data[:-32]) == data[-32:], "no evidence file, or its closing digest does not match")
    f = fields(data[len(first):-32], {n: 2 for n in range(1, 8)}, (2, 5, 6, 7))
    origin = f[1].decode()
    put("anchors.pem", anchors)
    certificates, used, used_lists = {}, set(), set()
    for der in f[6]:
        name = put(sha(der).hex(), der)
        good, pem, _ = openssl("x509", "-inform", "DER", "-in", name)
        need(good and name not in certificates, "a certificate is malformed or there twice")
        certificates[name] = put(name + ".pem", pem)
    put("others.pem", b"".join((Path(WORK) / pem).read_bytes() for pem in certificates.values()))
    need(3 in f and 4 in f, "a stamp is missing")
    size0, root0, time0, audience = stamped("before", f[3], certificates, origin, used)
    size1, root1, time1, audience1 = stamped("after", f[4], certificates, origin, used)
    need(audience == audience1 and time0 <= time1, "the stamps contradict each other")
    consistent(size0, root0, size1, root1, f[5])
    lists = {sha(crl): crl for crl in f[7]}
    window, record, question, answer, index = None, None, {}, {}, -1
    for n, raw in enumerate(f[2]):
        before, before_record = window, record
        window = fields(raw, {**{k: 2 for k in range(1, 12)}, 3: 0, 4: 0}, (5, 6, 8))
        record = window[2]
        more, last = answer.get(8, 0), question.get(14, 0)
        sealed = fields(window[1], {1: 2, 2: 0, 3: 0, 4: 2, 5: 2}, (4,))
        question = fields(sealed[1], {**{k: 2 for k in range(1, 17)}, 5: 0, 12: 0, 14: 0, 15: 0}, (9,))
        fields(question.get(7, b""), {1: 2, 2: 2, 3: 2})
        answer = fields(record, {**{k: 2 for k in range(1, 13)}, 3: 0, 6: 0, 8: 0, 9: 0, 10: 0})
        # The seal.
        need(question[15] == 1 and question[9] == sorted(set(question[9])), "unknown algorithm, or items not sorted")
        root = root_from_path(sha(b"\0", sealed[1]), sealed.get(2, 0), sealed[3], sealed[4])
        seal = question[16].hex()
        need(seal in certificates and spki(seal), "the seal's certificate is missing")
        need(signed(seal, b"egov.exchange.v1.seal\0" + sealed[3].to_bytes(4, "big") + root, sealed[5]), "bad seal")
        need(subject_uri(seal) == question[2].decode(), "the seal is not the caller's")
        revocation = []
        if 12 in answer:
            need(answer[12] in lists, "the revocation list is missing")
            used_lists.add(answer[12])
            pem = openssl("crl", "-inform", "DER", "-in", put("crl", lists[answer[12]]))[1]
            revocation = ["-crl_check", "-CRLfile", put("crl.pem", pem)]
        chain(seal, min(max(window[3] // 10**6, time0), time1), used, *revocation)
        # The record and its place.
        need(answer[1] == sha(window[1]), "the record answers another question")
        need(root_from_path(sha(b"\0", window[3].to_bytes(8, "big"), record), window.get(4, 0), size1,
                            window[5]) == root1, "the record is not in the log")
        before_index, index = index, window.get(4, 0)
        need(index >= max(size0, before_index + 1), "the record is not where it should be")
        need(time0 - 61 <= window[3] / 10**6 <= time1 + 61, "clock and stamps contradict each other")
        # Its place among the windows.
        need(question[3].decode() == audience, "asked another service")
        need(answer.get(6, 0) == n and answer.get(7, b"") == (sha(before_record) if n else b""), "windows are broken")
        if n == 0: need(question.get(12, 0) == 0, "the first window is missing")
        elif more: need(window[1] == before[1], "a further answer was announced")
        else: need(not last and question[13] == sha(before[1]) and question[12] == previous + 1, "windows are broken")
        previous = question.get(12, 0)
        # The content.
        for parts, salt, committed in ((6, 7, question[10]), (8, 9, answer[2])):
            need(salt in window or not window[parts], "content without its salt")
            need(salt not in window or commit(window[salt], window[parts]) == committed, "other content was committed to")
        need(not (11 in question and 7 in window) or commit(window[7], [window.get(10, b"")]) == question[11],
             "another end user's assertion")
        need(11 not in window or sha(window[11]) == answer[5], "other details were recorded")
        print(f"window {n}: {question[2].decode()} asked {question[3].decode()} by {question[4].decode()} for "
              f"{question[6].decode()}; answer {'OK' if 3 not in answer else answer[4].decode()}; question "
              f"{'proven' if 7 in window else 'committed'}, answer {'proven' if 9 in window else 'committed'}")
    need(f[2] and (3 in answer or question.get(14) and not answer.get(8)), "no window, or the exchange went on after this file")
    need(used_lists == set(lists) and len(lists) == len(f[7]), "a revocation list is not needed")
    need(all(subject(name) in used for name in certificates), "a certificate is not needed")
    print(f"between {time0} and {time1} (seconds since 1970), record {index} of {origin}")
    print("not proven: that the answer was received; that no other log was shown to others (no witness)\n"
          "not checked: revocation of the certificates of the log, of the time-stamping authority and of issuers")

if __name__ == "__main__":
    if len(sys.argv) != 3: sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as WORK:
        try: verify(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]).read_bytes())
        except (Bad, KeyError, ValueError, IndexError, TypeError) as why:
            sys.exit(f"refused: {why}")
