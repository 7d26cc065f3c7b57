// JSON records against a schema: two ways to read them that must agree, whatever lies behind them in memory.
//
// Input: records, one a line; each is decoded after the ones before it, as in a batch
#include <cstring>
#include <memory>

#include "fuzz/input.h"
#include "lake/decoder.h"
#include "lake/range_writer.h"

namespace sluice::lake {
namespace {

constexpr std::size_t records_max = 8;

std::shared_ptr<const Schema> the_schema() {
  static const auto schema =
      std::make_shared<const Schema>(Schema::make({
                                                      {"i", "i", Type::int64, true},
                                                      {"d", "d", Type::float64, true},
                                                      {"b", "b", Type::boolean, true},
                                                      {"s", "s", Type::string, true},
                                                      {"day", "day", Type::date, true},
                                                      {"t", "t", Type::timestamp, true},
                                                      {"l", "l", Type::timestamp_local, true},
                                                      {"must", "\"k\u00e9y\"", Type::string, false},
                                                  })
                                         .value());
  return schema;
}

/// A record with `padding` behind it, in memory that ends after the padding.
class Padded {
 public:
  Padded(BytesView record, std::byte padding)
      : bytes_(record.size() + value_padding_bytes, padding), size_(record.size()) {
    std::ranges::copy(record, bytes_.begin());
  }
  BytesView view() const { return BytesView(bytes_).first(size_); }

 private:
  Bytes bytes_;
  std::size_t size_;
};

struct Outcome {
  bool fits = false;
  std::vector<std::uint64_t> bits;
  std::vector<std::string> text;
  std::vector<std::uint8_t> present;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome outcome(bool fits, const Decoder& decoder) {
  if (!fits) return {};
  const Row& row = decoder.row();
  return {true, row.bits, {row.text.begin(), row.text.end()}, row.present};
}

void check_record(Decoder& decoder, BytesView record) {
  const Padded zeros(record, std::byte{0});
  const Padded digits(record, std::byte{'9'});
  const auto decoded = outcome(decoder.decode(zeros.view()), decoder);
  SLUICE_ASSERT(decoded.fits || !decoder.reason().empty());
  SLUICE_ASSERT(decoded == outcome(decoder.decode(digits.view()), decoder));
  const auto exact = outcome(decoder.decode_exactly(zeros.view()), decoder);
  SLUICE_ASSERT(exact == decoded);
  for (const Padded* padded : {&zeros, &digits}) {
    const auto quick = outcome(decoder.decode_quickly(padded->view()), decoder);
    if (quick.fits) SLUICE_ASSERT(quick == exact);
  }
}

/// A record that a schema was inferred from fits that schema.
void check_inference(BytesView record) {
  const Padded padded(record, std::byte{' '});
  Inference inference;
  inference.add(padded.view());
  if (inference.records() == 0) return;
  const auto schema = inference.finish();
  if (!schema) return;
  Decoder decoder(std::make_shared<const Schema>(*schema));
  SLUICE_ASSERT(decoder.decode(padded.view()));
  const auto again = Schema::parse(schema->to_json());
  SLUICE_ASSERT(again.has_value() && *again == *schema);
}

}  // namespace
}  // namespace sluice::lake

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::lake;
  BytesView rest(reinterpret_cast<const std::byte*>(data), size);
  Decoder decoder(the_schema());
  for (std::size_t i = 0; i < records_max && !rest.empty(); ++i) {
    const auto end = std::ranges::find(rest, std::byte{'\n'});
    const auto record = rest.first(static_cast<std::size_t>(end - rest.begin()));
    rest = rest.subspan(std::min(rest.size(), record.size() + 1));
    check_record(decoder, record);
    check_inference(record);
  }
  return 0;
}
