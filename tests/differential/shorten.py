"""The fewest requests that show a difference."""
import json

TRIES_MAX = 40


def shorten(arena, steps, name):
    """Leaves out whatever the class does not need: halves first, then smaller runs of requests."""
    tries, size = 0, max(1, len(steps) // 2)
    while size >= 1:
        at = 0
        while at < len(steps) - 1 and tries < TRIES_MAX:
            fewer = steps[:at] + steps[min(at + size, len(steps) - 1):]
            tries += 1
            if name in arena.replay(fewer, False).found:
                steps = fewer
            else:
                at += size
        if size == 1 or tries >= TRIES_MAX:
            break
        size //= 2
    return steps


def tell(arena, outcome, name, path):
    """Appends the shortest form to the file: what was asked, and at the end where the answers differ."""
    what = outcome.found[name]
    steps = shorten(arena, outcome.steps[: what["step"] + 1], name)
    played = arena.replay(steps, False)
    shown = played.found.get(name, what)
    lines = [f"\n## {name}"]
    for step in played.steps:
        extra = "".join(f" {key}={step[key]}" for key in ("cut", "more") if key in step)
        lines.append(f"- lane {step['lane']} {arena.schema[2][step['key']]} v{step['version']} {cut(step['body'], 500)}{extra}")
        if step["answer"] == "waiting":
            lines.append("  (waits)")
    lines += [f"  at {shown['path']}: ours {cut(shown['ours'], 400)}", f"  Kafka {cut(shown['kafka'], 400)}"]
    with path.open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def cut(value, most):
    text = json.dumps(value)
    return text if len(text) <= most else text[:most] + "..."
