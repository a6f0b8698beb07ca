"""A real image that trains on two hosts as the contract says, and for each rule one that breaks just that rule."""

from collections.abc import Mapping

from contracts.metrics import MetricDefinition
from tuner.conformance.case import Claim, GoodCase

_HOOK = "#VARIATION"

#: The first host listens, the second connects to it and says when it is done; both write checkpoints. One host alone
#: just trains.
GOOD = """
opt=/opt/ml
config=$opt/input/config
port=7777
epoch=0
hp() { sed -n "s/.*\\"$1\\": \\"\\([^\\"]*\\)\\".*/\\1/p" $config/hyperparameters.json; }
fail() { echo "$1" >&2; echo "$1" > $opt/output/failure; exit 1; }
field() { sed -n "s/.*\\"$1\\": \\"\\([^\\"]*\\)\\".*/\\1/p" $config/resourceconfig.json; }
hosts() { sed 's/"instance_groups".*//; s/.*"hosts": \\[\\([^]]*\\)\\].*/\\1/; s/[",]//g' $config/resourceconfig.json; }
first_in_group() { sed 's/.*"instance_groups": \\[{"hosts": \\["\\([^"]*\\)".*/\\1/' $config/resourceconfig.json; }
me() { field current_host; }
interface() { field network_interface_name; }
leader() { set -- $(hosts); echo $1; }
checkpoint() { [ -d $opt/checkpoints ] && echo $epoch > $opt/checkpoints/$(me)-$epoch; }
report() { [ "$(me)" = "$(leader)" ] && echo "epoch $epoch: accuracy=0.$epoch" >&2; }
lost() { fail "host algo-2 is lost"; }
check_peer() { [ -e /tmp/closed ] && ! grep -q done /tmp/heard && lost; }
not_yet() { sleep 0.1; }
train() {
  while [ $epoch -lt $(hp epochs) ]; do
    sleep 0.05
    epoch=$((epoch + 1))
    report
    checkpoint
    "$@"
  done
}
await_peer() {
  tries=0
  until grep -q join /tmp/heard; do
    tries=$((tries + 1))
    [ $tries -gt 400 ] && fail "host algo-2 does not come"
    sleep 0.05
  done
}
lead() {
  touch /tmp/heard
  (nc -l -p $port > /tmp/heard; touch /tmp/closed) &
  await_peer
  train check_peer
  wait
  check_peer
  echo weights > $opt/model/weights
}
follow() {
  tries=0
  until [ -e /tmp/joined ]; do
    tries=$((tries + 1))
    [ $tries -gt 200 ] && fail "host $(leader) does not answer"
    JOINED=yes nc $(leader) $port -e /usr/local/bin/train || not_yet
  done
}
#VARIATION
if [ -n "$JOINED" ]; then
  touch /tmp/joined
  echo join
  train true
  echo done
  exit 0
fi
set -- $(hosts)
if [ $# -eq 1 ]; then
  train true
  echo weights > $opt/model/weights
  exit 0
fi
[ -e /sys/class/net/$(interface) ] || fail "there is no interface $(interface)"
case " $* " in *" $(me) "*) ;; *) fail "$(me) is none of the hosts $*";; esac
if [ "$(me)" = "$(leader)" ]; then lead; else follow; fi
"""

#: Of each rule, the lines that break it.
BROKEN: Mapping[str, str] = {
    "TRAIN-DIST-HOSTS": '[ $(hosts | wc -w) -gt 1 ] && fail "one host is enough"',
    "TRAIN-DIST-DNS-LATE": 'not_yet() { nslookup $(leader) > /dev/null 2>&1 || fail "no $(leader)"; sleep 0.1; }',
    "TRAIN-DIST-HOSTNAME": 'me() { [ "$(hosts)" = algo-1 ] && echo algo-1 || hostname; }',
    "TRAIN-DIST-IFACE": "interface() { echo eth0; }",
    "TRAIN-DIST-ORDER": "leader() { first_in_group; }",
    "TRAIN-DIST-PEER-LOSS": "check_peer() { :; }",
    "TRAIN-DIST-GROUPS": "[ $(grep -o instance_group_name $config/resourceconfig.json | wc -l) -gt 1 ] && exit 1",
    "TRAIN-METRIC-ONE-HOST": 'report() { echo "epoch $epoch: accuracy=0.$epoch" >&2; }',
    "TRAIN-CKPT-HOSTS": "checkpoint() { [ -d $opt/checkpoints ] && echo $epoch > $opt/checkpoints/$epoch; }",
}


def script(lines: str = "") -> str:
    """The image's whole ``train``."""
    return GOOD.replace(_HOOK, lines)


def good_case() -> GoodCase:
    """A job without data."""
    return GoodCase(
        image="",
        hyperparameters={"epochs": "5"},
        metrics=(MetricDefinition(name="accuracy", regex=r"accuracy=(\S+)"),),
        claims=frozenset({Claim.HOSTS, Claim.CHECKPOINTS}),
    )
