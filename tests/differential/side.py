"""One broker in one sequence: sends a step's request with that broker's own values, gives the answer in the common spelling.

A step is {"lane", "key", "version", "body"} in the common spelling, and maybe "cut": its body is cut to so many bytes, or
"more": bytes that follow it (hexadecimal), or "waits": the answer may have to wait for other members.
"""
import os
import time

import canonical
import codec
import link

LANES = 3
NO_ANSWER = "no answer"
CLOSED = "closed"
WAITING = "waiting"
TRANSIENT = {14, 51}  # COORDINATOR_LOAD_IN_PROGRESS, CONCURRENT_TRANSACTIONS: clients ask again
TRANSIENT_SECONDS = 5
RETRIED_KEYS = {0, 8, 9, 11, 22, 24, 25, 26, 28, 68}
END_TXN, DESCRIBE_TRANSACTIONS, PRODUCE, API_VERSIONS = 26, 65, 0, 18
WRITTEN_SECONDS = 0.05  # what acks=1 and 0 promise nothing about is on disk after this


def has_answer(step):
    return not (step["key"] == PRODUCE and step["body"].get("acks") == 0 and "cut" not in step)


def error_codes(value):
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "error_code":
                yield item
            else:
                yield from error_codes(item)
    elif isinstance(value, list):
        for item in value:
            yield from error_codes(item)


class Side:
    is_recorded = False

    def __init__(self, server, schema, prefix, settle=None):
        self.requests, self.responses = schema[0], schema[1]
        self.names = canonical.Names(prefix)
        self.links = [link.Link(server.address, f"lane{i}") for i in range(LANES)]
        self.settle = settle  # called after what a controller takes its time to tell the broker
        self.unresolved = {}  # lane -> what its request could not name
        self.asked = {}  # lane -> the texts in its request

    def close(self):
        for lane in self.links:
            lane.close()

    # ---- asking ----

    def send(self, step):
        lane = step["lane"]
        self.unresolved.pop(lane, None)
        try:
            body = self.names.resolve(step["body"])
        except canonical.Unresolved as missing:
            self.unresolved[lane] = f"unresolved {missing}"
            return
        self.asked[lane] = canonical.asked_names(body)
        self.send_body(step, body)

    def send_body(self, step, body):
        key, version = step["key"], step["version"]
        message = self.requests[key]
        encoded_version = min(max(version, message.versions.first), message.versions.last)
        data = codec.encode(message, encoded_version, body)
        if "cut" in step:
            data = data[: step["cut"]]
        data += bytes.fromhex(step.get("more", ""))
        self.links[step["lane"]].send(key, version, encoded_version in message.flexible, data)

    def receive(self, step, seconds=link.ANSWER_SECONDS):
        """The answer in the common spelling; None where there is none within `seconds`."""
        lane = self.links[step["lane"]]
        if step["lane"] in self.unresolved:
            return self.unresolved[step["lane"]]
        if not has_answer(step):
            time.sleep(WRITTEN_SECONDS)
            return NO_ANSWER
        deadline = time.monotonic() + TRANSIENT_SECONDS
        frame = lane.receive(seconds)
        while True:
            if frame == link.CLOSED:
                return CLOSED
            if frame is None:
                if "waits" not in step:
                    lane.close()  # whoever does not answer takes no other request from this connection
                return None
            try:
                value = self.decode(step, frame, lane)
            except codec.Malformed as reason:
                return f"malformed: {reason}"
            again = step["key"] in RETRIED_KEYS and TRANSIENT & set(error_codes(value)) and "waits" not in step
            if not again or time.monotonic() > deadline:
                break
            time.sleep(0.005)
            self.send(step)
            frame = lane.receive()
        answer = self.names.canonical(value, self.asked[step["lane"]])
        self.after(step, answer)
        return answer

    def decode(self, step, frame, lane):
        key, version = step["key"], step["version"]
        message = self.responses[key]
        if version not in message.versions:  # ApiVersions answers in version 0
            version = 0
        at = link.header_bytes(frame, key, version in message.flexible, lane.correlation)
        return codec.decode(message, version, frame[at:])

    # ---- what takes its time ----

    def after(self, step, answer):
        if self.settle is not None:
            self.settle(self, step, answer)
        if step["key"] == PRODUCE and step["body"].get("acks") != -1:
            time.sleep(WRITTEN_SECONDS)
        if step["key"] == END_TXN and DESCRIBE_TRANSACTIONS in self.requests and answer.get("error_code") == 0:
            self.await_end(step)

    def await_end(self, step):
        """Waits until the markers of a transaction are written: EndTxn is answered before."""
        ask = {"lane": step["lane"], "key": DESCRIBE_TRANSACTIONS, "version": 0,
               "body": {"transactional_ids": [step["body"]["transactional_id"]]}}
        deadline = time.monotonic() + TRANSIENT_SECONDS
        while time.monotonic() < deadline:
            self.send(ask)
            frame = self.links[step["lane"]].receive()
            if frame is None or frame == link.CLOSED:
                return
            states = self.decode(ask, frame, self.links[step["lane"]])["transaction_states"]
            if not any(state["transaction_state"].startswith("Prepare") for state in states):
                return
            time.sleep(0.005)


class Settler:
    """Waits until Apache Kafka's broker has heard of all that its controller has answered so far."""

    KEYS = {19, 20, 29, 30, 31, 33, 37, 38, 44, 45, 49, 51, 57}
    METADATA = 3

    def __init__(self, server, schema):
        self.side = Side(server, schema, "barrier-")
        self.value = 1_000_000
        self.topic = f"barrier-{os.getpid()}"  # another run may use the same Kafka
        self.call(19, 7, {"topics": [{"name": self.topic, "num_partitions": 1, "replication_factor": 1}], "timeout_ms": 30000})
        self.wait(lambda: self.shown() is not None)
        self.barrier()
        for i in range(40):  # each partition of the coordinators' topics gets its turn
            self.call(10, 4, {"key_type": 1, "coordinator_keys": [f"warm-{i}"]})
            self.wait(lambda: self.call(22, 4, {"transactional_id": f"warm-{i}", "transaction_timeout_ms": 60000})["error_code"] == 0, 60)
            self.wait(lambda: self.committed(f"warm-{i}") == 0, 60)

    def committed(self, group):
        part = {"partition_index": 0, "committed_offset": 0, "committed_metadata": ""}
        self.call(10, 4, {"key_type": 0, "coordinator_keys": [group]})
        body = {"group_id": group, "generation_id_or_member_epoch": -1, "member_id": "", "topics": [{"name": self.topic, "partitions": [part]}]}
        return self.call(8, 9, body)["topics"][0]["partitions"][0]["error_code"]

    def call(self, key, version, body):
        step = {"lane": 0, "key": key, "version": version, "body": body}
        self.side.send_body(step, body)
        frame = self.side.links[0].receive()
        if frame is None or frame == link.CLOSED:
            raise AssertionError(f"Apache Kafka did not answer {key}")
        return self.side.decode(step, frame, self.side.links[0])

    def barrier(self):
        """Two changes that are told one after the other: when the second is visible, all before the first is done."""
        for _ in range(2):
            self.value += 1
            config = {"name": "retention.ms", "config_operation": 0, "value": str(self.value)}
            self.call(44, 1, {"resources": [{"resource_type": 2, "resource_name": self.topic, "configs": [config]}]})
            self.wait(lambda: self.shown() == str(self.value))

    def shown(self):
        ask = {"resources": [{"resource_type": 2, "resource_name": self.topic, "configuration_keys": ["retention.ms"]}]}
        configs = self.call(32, 4, ask)["results"][0]["configs"]
        return configs[0]["value"] if configs else None

    @staticmethod
    def wait(condition, seconds=10):
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError("Apache Kafka's broker does not hear from its controller")
            time.sleep(0.002)

    def __call__(self, side, step, answer):
        if step["key"] in self.KEYS:
            self.barrier()
        elif step["key"] == self.METADATA and step["body"].get("allow_auto_topic_creation", True):
            self.await_created(side, answer)

    def await_created(self, side, answer):
        """A topic that Metadata creates is there some time after the answer."""
        names = [t["name"] for t in answer.get("topics", []) if t["error_code"] in (3, 5) and t.get("name")]
        if not names:
            return
        names = [side.names.resolve(name) for name in names]
        body = {"topics": [{"topic_id": codec.ZERO_UUID, "name": name} for name in names], "allow_auto_topic_creation": False}

        def is_there():
            return all(t["error_code"] == 0 for t in self.call(self.METADATA, 12, body)["topics"])
        deadline = time.monotonic() + 3
        while not is_there() and time.monotonic() < deadline:
            time.sleep(0.005)
        self.barrier()
