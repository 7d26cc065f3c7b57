"""Two brokers that behave alike are told alike, and no other two."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import batches
import canonical
import compare


def topics(prefix, *pairs):
    return {"topics": [{"name": prefix + name, "topic_id": uuid} for name, uuid in pairs]}


class CanonicalTest(unittest.TestCase):
    def setUp(self):
        self.ours, self.kafka = canonical.Names("d000001-"), canonical.Names("d000002-")

    def test_ids_are_numbered_alike_whatever_they_are_and_however_the_list_is_ordered(self):
        mine = self.ours.canonical(topics("d000001-", ("a", "11" * 16), ("b", "22" * 16)))
        other = self.kafka.canonical(topics("d000002-", ("b", "44" * 16), ("a", "33" * 16)))
        self.assertEqual(mine, other)
        self.assertEqual(mine["topics"][0], {"name": "~a", "topic_id": "topic#1"})
        self.assertEqual(self.ours.resolve({"topic_id": "topic#2"}), {"topic_id": "22" * 16})
        self.assertEqual(self.kafka.resolve({"topic_id": "topic#2", "name": "~b"}), {"topic_id": "44" * 16, "name": "d000002-b"})

    def test_ids_that_a_request_made_up_keep_their_places_whatever_the_order_of_the_answer(self):
        one, two = "0" * 28 + "0124", "0" * 28 + "0378"
        mine = self.ours.canonical({"responses": [{"topic_id": one, "error_code": 100}, {"topic_id": two, "error_code": 100}]})
        other = self.kafka.canonical({"responses": [{"topic_id": two, "error_code": 100}, {"topic_id": one, "error_code": 100}]})
        self.assertEqual((mine, self.ours.by_name), (other, self.kafka.by_name))

    def test_a_cursor_to_another_sequences_topic_is_none(self):
        cursor = {"next_cursor": {"topic_name": "d000009-t0", "partition_index": 0}}
        self.assertEqual(self.kafka.canonical(cursor), {"next_cursor": None})
        own = self.kafka.canonical({"next_cursor": {"topic_name": "d000002-t0", "partition_index": 0}})
        self.assertEqual(own["next_cursor"]["topic_name"], "~t0")

    def test_an_id_given_twice_is_not_a_new_one(self):
        first = self.ours.canonical(topics("d000001-", ("a", "11" * 16)))
        again = self.ours.canonical(topics("d000001-", ("a", "11" * 16)))
        other = self.ours.canonical(topics("d000001-", ("a", "55" * 16)))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_what_was_never_answered_cannot_be_asked_with(self):
        with self.assertRaises(canonical.Unresolved):
            self.ours.resolve({"member_id": "member#1"})

    def test_other_sequences_topics_are_left_out_unless_asked_for(self):
        answer = topics("", ("d000001-a", "11" * 16), ("d000009-a", "22" * 16), ("__consumer_offsets", "33" * 16))
        self.assertEqual(len(self.ours.canonical(answer)["topics"]), 1)
        self.assertEqual(len(self.ours.canonical(answer, {"__consumer_offsets"})["topics"]), 2)

    def test_records_are_told_batch_by_batch_with_their_producer_mapped(self):
        batch = batches.build({"producer_id": 4711, "epoch": 0, "sequence": 0}).hex()
        told = self.ours.canonical({"records": batch})["records"]
        self.assertEqual((told[0]["producer_id"], told[0]["crc"], told[0]["count"]), ("producer#1", "right", 1))

    def test_sentences_and_moments_are_mapped_and_errors_without_one_are_not(self):
        self.assertEqual(self.ours.canonical({"error_code": 3, "error_message": "x"})["error_message"], "text")
        self.assertEqual(self.ours.canonical({"error_code": 0, "error_message": "x"})["error_message"], "x")
        self.assertEqual(self.ours.canonical({"log_append_time_ms": 5})["log_append_time_ms"], 5)

    def test_a_topic_that_a_fetch_tells_in_two_places_is_told_once(self):
        parts = [{"partition_index": i, "error_code": 0} for i in range(2)]
        apart = {"responses": [{"topic": "t", "partitions": parts[:1]}, {"topic": "t", "partitions": parts[1:]}]}
        self.assertEqual(self.ours.canonical(apart), self.kafka.canonical({"responses": [{"topic": "t", "partitions": parts}]}))


class CompareTest(unittest.TestCase):
    def test_a_class_names_the_field_and_the_errors_but_not_the_place(self):
        ours = {"topics": [{"name": "~a", "error_code": 3}, {"name": "~b", "error_code": 0}]}
        kafka = {"topics": [{"name": "~a", "error_code": 17}, {"name": "~b", "error_code": 0}]}
        found = compare.classes("DeleteTopics", ours, kafka)
        self.assertEqual(list(found), ["DeleteTopics topics[].error_code: UNKNOWN_TOPIC_OR_PARTITION, Kafka INVALID_TOPIC_EXCEPTION"])
        self.assertEqual(list(found.values()), [("topics[name=~a].error_code", 3, 17)])

    def test_what_one_has_and_the_other_has_not_is_a_difference(self):
        self.assertEqual(list(compare.classes("X", {"a": [1, 2]}, {"a": [1]})), ["X a[]: another, Kafka absent"])
        self.assertEqual(list(compare.classes("X", "closed", {"a": 1})), ["X : closed, Kafka present"])
        self.assertEqual(compare.classes("X", {"a": None}, {"a": None}), {})

    def test_what_only_one_answers_twice_has_a_class_of_its_own(self):
        group = {"group_id": "g", "error_code": 0}
        found = compare.classes("DescribeGroups", {"groups": [group]}, {"groups": [group, group]})
        self.assertEqual(list(found), ["DescribeGroups groups[again]: absent, Kafka present"])
        found = compare.classes("DescribeGroups", {"groups": [group, group]}, {"groups": [group]})
        self.assertEqual(list(found), ["DescribeGroups groups[again]: present, Kafka absent"])


class LabelTest(unittest.TestCase):
    def test_only_a_jump_of_time_makes_a_missing_batch_one_of_the_next_segment(self):
        def of(last):
            batch = {"base_offset": 0, "max_timestamp": 1_700_000_000_000}
            both = [{"records": [batch, {"base_offset": 1, "max_timestamp": last}]}, {"records": [batch]}]
            return list(compare.classes("Fetch", *both))
        self.assertEqual(of("now"), ["Fetch records[after a jump of time]: present, Kafka absent"])
        self.assertEqual(of(1_800_000_000_000), ["Fetch records[after a jump of time]: present, Kafka absent"])
        self.assertEqual(of(1_700_000_000_001), ["Fetch records[]: present, Kafka absent"])

    def test_an_offset_that_only_kafka_still_finds_is_told_from_one_that_it_does_not(self):
        self.assertIn("a later one or none", *compare.classes("ListOffsets", {"offset": 5}, {"offset": 1}))
        self.assertIn("a later one or none", *compare.classes("ListOffsets", {"offset": -1}, {"offset": 1}))
        self.assertIn("another value", *compare.classes("ListOffsets", {"offset": 0}, {"offset": 1}))

if __name__ == "__main__":
    unittest.main()
