// How long a record takes from its JSON bytes to a compressed column, by stage. The records are line items of
// 16 fields and about 361 bytes.
//
//   range_writer_bench RECORDS DIR [CODEC]      with a codec: only the whole range, in that codec
#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "env/posix.h"
#include "lake/decoder.h"
#include "lake/hashes.h"
#include "lake/range_writer.h"
#include "lake/rows.h"

namespace {

using namespace sluice;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Line items as a fixed seed gives them.
class LineItems {
 public:
  std::string next() {
    if (++line_ > lines_) {
      line_ = 1;
      lines_ = 1 + pick(7);
      order_ += 1 + pick(5);
    }
    const auto quantity = 1 + pick(50);
    const auto part = 1 + pick(200000);
    const auto shipped = pick(2500);
    const double price = static_cast<double>(quantity) *
                         (900.0 + static_cast<double>(part % 1000) + 0.01 * static_cast<double>(part % 100));
    return fmt::format(
        "{{\"l_orderkey\":{},\"l_partkey\":{},\"l_suppkey\":{},\"l_linenumber\":{},\"l_quantity\":{},"
        "\"l_extendedprice\":{:.2f},\"l_discount\":0.{:02},\"l_tax\":0.{:02},\"l_returnflag\":\"{}\","
        "\"l_linestatus\":\"{}\",\"l_shipdate\":\"{}\",\"l_commitdate\":\"{}\",\"l_receiptdate\":\"{}\","
        "\"l_shipinstruct\":\"{}\",\"l_shipmode\":\"{}\",\"l_comment\":\"{}\"}}",
        order_, part, 1 + part % 10000, line_, quantity, price, pick(11), pick(9), "ANR"[pick(3)],
        "OF"[pick(2)], date(shipped), date(shipped + pick(60)), date(shipped + 1 + pick(30)),
        instructions_[pick(4)], modes_[pick(7)], comment());
  }

 private:
  std::uint64_t pick(std::uint64_t n) { return random_() % n; }
  static std::string date(std::uint64_t day) {
    return fmt::format("{:04}-{:02}-{:02}", 1992 + day / 360, day % 360 / 30 + 1,
                       day % 30 < 28 ? day % 30 + 1 : 28);
  }
  std::string comment() {
    std::string out = words_[pick(22)];
    for (auto n = 1 + pick(4); n > 0; --n) out += std::string(" ") + words_[pick(22)];
    return out;
  }

  std::mt19937_64 random_{42};
  std::uint64_t order_ = 1;
  std::uint64_t line_ = 0;
  std::uint64_t lines_ = 4;
  static constexpr const char* modes_[] = {"REG AIR", "AIR", "RAIL", "SHIP", "TRUCK", "MAIL", "FOB"};
  static constexpr const char* instructions_[] = {"DELIVER IN PERSON", "COLLECT COD", "NONE",
                                                  "TAKE BACK RETURN"};
  static constexpr const char* words_[] = {"furiously",    "quickly",     "carefully", "blithely", "slyly",
                                           "final",        "express",     "ironic",    "regular",  "special",
                                           "pending",      "bold",        "deposits",  "requests", "packages",
                                           "accounts",     "theodolites", "foxes",     "pinto",    "beans",
                                           "instructions", "dependencies"};
};

struct Place {
  std::size_t begin;
  std::size_t bytes;
};

/// The records of a batch lie in the cache when they have just been decompressed: so they do here, and the
/// copying is not counted.
class Batches {
 public:
  explicit Batches(std::size_t records) : records_(records) {
    LineItems items;
    for (std::size_t i = 0; i < different_records; ++i) {
      const std::string item = items.next();
      places_.push_back({bytes_.size(), item.size()});
      bytes_ += item;
    }
    bytes_.append(lake::value_padding_bytes, '\0');
  }
  BytesView value(std::size_t i) const {
    return as_bytes(std::string_view(bytes_).substr(places_[i].begin, places_[i].bytes));
  }

  template <class F>
  void report(const char* what, F&& f) {
    double seconds = 0;
    std::string hot;
    for (std::size_t i = 0; i < records_; i += batch_records) {
      const std::size_t first = i % different_records;
      const Place last = places_[first + batch_records - 1];
      hot.assign(bytes_, places_[first].begin,
                 last.begin + last.bytes + lake::value_padding_bytes - places_[first].begin);
      const double before = cpu_seconds();
      for (std::size_t k = 0; k < batch_records; ++k) {
        const Place place = places_[first + k];
        f(BytesView(reinterpret_cast<const std::byte*>(hot.data()) + place.begin - places_[first].begin,
                    place.bytes),
          static_cast<std::int64_t>(i + k));
      }
      seconds += cpu_seconds() - before;
    }
    fmt::print("{:24} {:6.1f} ns/record\n", what, seconds / static_cast<double>(records_) * 1e9);
  }

 private:
  static constexpr std::size_t different_records = 500'000;
  static constexpr std::size_t batch_records = 2000;
  std::size_t records_;
  std::string bytes_;
  std::vector<Place> places_;
};

constexpr std::int64_t t0 = 1'700'000'000'000;

void report_stages(Batches& batches, const std::shared_ptr<const lake::Schema>& schema) {
  lake::Decoder decoder(schema);
  batches.report("decode exactly", [&](BytesView value, std::int64_t) { decoder.decode_exactly(value); });
  const auto exact_before = decoder.exact_count();
  batches.report("decode", [&](BytesView value, std::int64_t) { decoder.decode(value); });
  fmt::print("refused by the quick road: {}\n", decoder.exact_count() - exact_before);
  std::uint64_t hash = 0;
  batches.report("raw hash", [&](BytesView value, std::int64_t i) {
    hash += lake::raw_hash(Offset{i}, t0 + i, std::nullopt, value);
  });
  lake::Rows rows(lake::make_layout(*schema, {}), PartitionId{0});
  batches.report("decode + rows + hash", [&](BytesView value, std::int64_t i) {
    decoder.decode(value);
    rows.append(decoder.row(), Offset{i}, t0 + i);
    if (rows.full()) rows.hash_and_clear();
  });

  fmt::print("(hash {:x})\n", hash);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    fmt::print(stderr, "usage: range_writer_bench RECORDS DIR [CODEC]\n");
    return 2;
  }
  const auto records = std::strtoull(argv[1], nullptr, 10) / 2000 * 2000;
  Batches batches(records);
  lake::Inference inference;
  for (std::size_t i = 0; i < 1000; ++i) inference.add(batches.value(i));
  const auto schema = std::make_shared<const lake::Schema>(inference.finish().value());

  if (argc == 3) report_stages(batches, schema);

  lake::WriterOptions options;
  if (argc > 3) options.codec = lake::parse_codec(argv[3]).value();
  const std::string prefix = env::join(argv[2], fmt::format("bench-{}", getpid()));
  auto writer =
      lake::RangeWriter::create(env::posix_file_system(), prefix, {"c", "t", Uuid{1, 2}, PartitionId{0}, 1},
                                schema, {}, options, Offset{0})
          .value();
  lake::FinishedRange range;
  std::size_t memory_max = 0;
  batches.report("whole range", [&](BytesView value, std::int64_t i) {
    auto added = writer->add({Offset{i}, t0 + i, std::nullopt, value, {}, 0});
    if (!added || *added != lake::RangeWriter::Added::taken) std::abort();
    if (i % 65536 == 0) memory_max = std::max(memory_max, writer->memory_bytes());
    if (static_cast<std::size_t>(i) + 1 == records) range = writer->finish(Offset{i + 1}).value();
  });
  fmt::print("{} rows, {} quarantined, {:.2f} bytes/row, memory {} MiB\n", range.rows, range.quarantined,
             static_cast<double>(range.files.at(0).bytes) / static_cast<double>(records), memory_max >> 20);
  return 0;
}
