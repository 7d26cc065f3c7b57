#include "fuzz/mutator.h"
#include "table/checkpoint.h"
#include "table/descriptor.h"
#include "table/example.h"
#include "table/sealed_json.h"

namespace {

using namespace sluice;
using table::Json;

std::string text_of(const Result<Bytes>& sealed) {
  const auto json = table::unseal(*sealed, "a valid object");
  return json->dump(2);
}

std::string valid(std::uint8_t kind, fuzz::Random& random) {
  const auto begin = static_cast<std::int64_t>(random.below(1000));
  const std::int64_t end = begin + 1 + static_cast<std::int64_t>(random.below(1000));
  if (kind == 0) {
    auto object = table::example::commit(begin, end, random.next() | 1u);
    if (random.one_in(3)) object.last_record.reset();
    object.partition_by = {"day(time_hour)", "carrier"};
    return text_of(table::encode(object));
  }
  if (kind == 1) {
    table::Checkpoint checkpoint;
    checkpoint.cluster_id = table::example::cluster_id;
    checkpoint.topic_id = table::example::chain.topic_id;
    checkpoint.start = Offset{begin};
    checkpoint.end = Offset{end};
    checkpoint.commits = 1;
    checkpoint.counts.rows = end - begin;
    checkpoint.ranges = {{Offset{begin}, Offset{end}}};
    return text_of(table::encode(checkpoint));
  }
  table::Descriptor descriptor;
  descriptor.table_id = Uuid{7, 8};
  descriptor.cluster_id = table::example::cluster_id;
  descriptor.topic = "flights";
  descriptor.topic_id = table::example::chain.topic_id;
  descriptor.partition_by = {"carrier"};
  descriptor.starts = {Offset{begin}, Offset{end}};
  return text_of(table::encode(descriptor));
}

Json odd_value(fuzz::Random& random) {
  switch (random.below(8)) {
    case 0:
      return nullptr;
    case 1:
      return random.one_in(2);
    case 2:
      return 1e300;
    case 3:
      return Json::array({1, "x"});
    case 4:
      return Json::object({{"x", 1}});
    case 5:
      return std::string(random.one_in(2) ? "../../etc/x" : "_sluice/tmp/a\u00e9");
    default:
      return random.integer();
  }
}

/// Changes one place of the tree.
void bend_json(Json& json, fuzz::Random& random) {
  Json* at = &json;
  while (at->is_structured() && !at->empty() && !random.one_in(6)) {
    auto child = at->begin();
    std::advance(child, static_cast<std::ptrdiff_t>(random.below(at->size())));
    at = &*child;
  }
  if (at->is_string() && random.one_in(2)) {
    auto text = at->get<std::string>();
    if (!text.empty()) text[random.below(text.size())] = static_cast<char>(' ' + random.below(95));
    *at = text;
  } else if (at->is_number_integer() && random.one_in(2)) {
    *at = at->get<std::int64_t>() ^ static_cast<std::int64_t>(1u << random.below(4));
  } else if (at->is_array() && !at->empty() && random.one_in(2)) {
    at->push_back(at->front());
  } else if (at->is_object() && random.one_in(2)) {
    (*at)["more"] = odd_value(random);
  } else {
    *at = odd_value(random);
  }
}

}  // namespace

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t size_max,
                                               unsigned int seed) {
  fuzz::Random random(seed);
  if (size_max < 2) return LLVMFuzzerMutate(data, size, size_max);
  if (size < 2 || random.one_in(16)) {
    const auto kind = static_cast<std::uint8_t>(random.below(3));
    data[0] = kind | 128u;
    size = fuzz::put(as_bytes(valid(kind, random)), data, 1, size_max);
    if (random.one_in(4)) return size;
  }
  if (random.one_in(4)) return fuzz::bend(data, 0, size, size_max);
  Json json = Json::parse(data + 1, data + size, nullptr, false);
  if (json.is_discarded()) return fuzz::bend(data, 1, size, size_max);
  bend_json(json, random);
  const std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  return fuzz::put(as_bytes(text), data, 1, size_max);
}
