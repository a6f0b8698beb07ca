"""A real image that does in batch transform as the contract says, and for each rule one that breaks just that rule."""

from collections.abc import Mapping

from contracts.serving import CSV
from tuner.conformance.serving.case import Payload, ServedCase

_HOOK = "#VARIATION"

#: Doubles the numbers of CSV records. A process a connection, in which the script runs again.
GOOD = """
body=/tmp/body-$$
parameters() { echo '{"MaxConcurrentTransforms": 4, "BatchStrategy": "MULTI_RECORD", "MaxPayloadInMB": 1}'; }
begin() { :; }
records() { cat $body; }
prepare() { :; }
finish() { :; }
bad() { cat; }
too_large() { return 1; }
double() {
  awk '{ sub(/\\r$/, ""); if ($0 == "") next
         n = split($0, field, ","); line = ""; wrong = 0
         for (i = 1; i <= n; i++) {
           if (field[i] !~ /^-?[0-9]+$/) wrong = 1
           line = line (i > 1 ? "," : "") 2 * field[i]
         }
         print wrong ? "ERROR" : line }'
}
answer() {
  printf 'HTTP/1.1 %s\\r\\nContent-Type: text/csv\\r\\nContent-Length: %s\\r\\nConnection: close\\r\\n\\r\\n' \\
    "$1" "$(wc -c < $2)"
  cat $2
  rm -f $body*
  exit 0
}
#VARIATION
if [ "$1" = serve ]; then
  begin
  HANDLES=yes exec nc -ll -p 8080 -e /usr/local/bin/train
fi
read -r method path rest
length=0
while IFS= read -r line && [ "$line" != "$(printf '\\r')" ]; do
  case "$line" in [Cc]ontent-[Ll]ength:*) length=$(echo "${line#*:}" | tr -d ' \\r');; esac
done
head -c "$length" > $body
touch $body.answer
case "$method $path" in
  "GET /ping") answer "200 OK" $body.answer;;
  "GET /execution-parameters") parameters > $body.answer; answer "200 OK" $body.answer;;
  "POST /invocations")
    too_large && answer "413 Too Large" $body.answer
    prepare
    records | double | bad > $body.answer
    finish
    answer "200 OK" $body.answer;;
  *) answer "404 Not Found" $body.answer;;
esac
"""

#: Of each rule, the lines that break it.
BROKEN: Mapping[str, str] = {
    "BATCH-EXECPARAMS": "parameters() { echo unlimited; }",
    "BATCH-EXECPARAMS-ENUM": """parameters() { echo '{"BatchStrategy": "MultiRecord", "MaxPayloadInMB": 1}'; }""",
    "BATCH-EXECPARAMS-LIMIT": """parameters() { echo '{"MaxConcurrentTransforms": 35, "MaxPayloadInMB": 3}'; }""",
    "BATCH-ENV": '[ -n "$SAGEMAKER_BATCH" ] && [ -z "$SAGEMAKER_BATCH_STRATEGY" ] && exit 1',
    "BATCH-MULTI-LINES": "records() { tac $body | sed 's/ERROR//'; }",
    "BATCH-SINGLE-NOEOL": 'records() { while read -r record; do echo "$record"; done < $body; }',
    "BATCH-TRAILING-EOL": 'records() { cat $body; [ -z "$(tail -c 1 $body)" ] && echo x; }',
    "BATCH-CRLF": "records() { sed 's/\\r$/x/' $body; }",
    "BATCH-PAYLOAD-MAX": "too_large() { [ $length -gt 500000 ]; }",
    "BATCH-BAD-RECORD": 'bad() { cat; }; finish() { grep -q ERROR $body.answer && answer "500 No" $body.answer; }',
    "BATCH-RETRY-SAFE": 'bad() { sed "s/$/,$RANDOM/"; }',
    "BATCH-CONCURRENT": """
        prepare() { mkdir /tmp/busy 2>/dev/null || answer "503 Busy" $body.answer; sleep 0.2; }
        finish() { rmdir /tmp/busy; }
    """,
}


#: One that answers all records with one JSON document, and says no type of lines.
DOCUMENTS = """
double() {
  awk 'BEGIN { printf "[" }
       { sub(/\\r$/, ""); if ($0 != "") printf "%s[%s]", n++ ? "," : "", $0 }
       END { print "]" }'
}
answer() {
  printf 'HTTP/1.1 %s\\r\\nContent-Length: %s\\r\\nConnection: close\\r\\n\\r\\n' "$1" "$(wc -c < $2)"
  cat $2
  rm -f $body*
  exit 0
}
"""

#: One that needs a header line, and takes it for no record anywhere else.
HEADED = """
records() { tail -n +2 $body; }
prepare() { [ "$(head -n 1 $body)" = "one,two" ] || answer "500 No Header" $body.answer; }
finish() { grep -q ERROR $body.answer && answer "500 No Number" $body.answer; }
"""
HEADED_PAYLOAD = Payload(body=b"one,two\n3,4\n1,2\n", content_type=CSV)


def script(lines: str = "") -> str:
    """The image's whole program."""
    return GOOD.replace(_HOOK, lines)


#: Makes that program the entry point, so that it gets the argument ``serve``.
ENTRY_POINT = 'ENTRYPOINT ["/usr/local/bin/train"]'


def served_case(image: str) -> ServedCase:
    """Records of numbers, whose doubles differ."""
    body = b"\n".join(b",".join(str(number * column).encode() for column in range(60)) for number in (3, 1, 2))
    return ServedCase(image=image, payloads=(Payload(body=body, content_type=CSV),))
