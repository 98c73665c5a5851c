# The summary in JSON, and that it is JSON.
show mapwalk run --json data/pages.mw
show mapwalk run --json --maps data/small.lackey
mapwalk run --json --maps data/small.strace -o summary.json
mapwalk run --events events.jsonl --event-hits -o /dev/null data/pages.mw
if command -v python3 >/dev/null; then
    python3 - <<'PYTHON'
import json
json.load(open("summary.json"))
for line in open("events.jsonl"):
    event = json.loads(line)
    assert event["event"] and event["time_ns"] >= 0, event
PYTHON
fi
