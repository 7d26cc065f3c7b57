// The objects of a table: commit objects, checkpoints, descriptors.
//
// Input: kind u8 (modulo 3; bit 7: take the bytes as JSON, spell it canonically and seal it first) | text
#include "fuzz/input.h"
#include "table/checkpoint.h"
#include "table/commit_object.h"
#include "table/descriptor.h"
#include "table/sealed_json.h"

namespace sluice::table {
namespace {

/// What is decoded encodes to the same bytes: one text an object.
template <class Decode>
void check_object(BytesView bytes, Decode decode) {
  const auto object = decode(bytes);
  if (!object) return;
  const auto again = encode(*object);
  SLUICE_ASSERT(again.has_value());
  SLUICE_ASSERT(std::ranges::equal(*again, bytes));
}

void check_commit(BytesView bytes) {
  check_object(bytes, [](BytesView b) { return decode_commit_object(b); });
  const auto object = decode_commit_object(bytes);
  if (!object) return;
  SLUICE_ASSERT(check(*object).has_value());
  SLUICE_ASSERT(object->counts.sum() == object->range.count());
  SLUICE_ASSERT(object->range.begin < object->range.end);
  for (const CommitFile& file : object->files) {
    // Names from a foreign object must stay inside the table.
    for (const std::string& name : {file.name, file.temporary}) {
      SLUICE_ASSERT(!name.empty() && name.front() != '/');
      SLUICE_ASSERT(("/" + name + "/").find("/../") == std::string::npos);
      SLUICE_ASSERT(name.find('\0') == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace sluice::table

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice;
  using namespace sluice::table;
  fuzz::Input input(data, size);
  const std::uint8_t choice = input.u8();
  Bytes bytes = to_owned(input.rest());
  if ((choice & 128u) != 0) {
    const Json json = Json::parse(as_text(bytes), nullptr, false);
    if (json.is_discarded()) return 0;
    bytes = seal(json);
  }
  switch ((choice & 127u) % 3) {
    case 0:
      check_commit(bytes);
      break;
    case 1:
      check_object(bytes, [](BytesView b) { return decode_checkpoint(b); });
      break;
    default:
      check_object(bytes, [](BytesView b) { return decode_descriptor(b); });
  }
  return 0;
}
