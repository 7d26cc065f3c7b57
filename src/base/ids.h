// Strong ids: numbers and names that cannot be mixed up.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace sluice::base {

/// An integer that converts to nothing by itself. `Tag` names what it counts.
template <class Tag, class Rep>
struct Id {
  Rep value = 0;

  constexpr Id() = default;
  constexpr explicit Id(Rep v) : value(v) {}
  friend constexpr auto operator<=>(Id, Id) = default;
};

/// The place of a record in a partition; also, as an end, the place after the last one.
struct Offset {
  std::int64_t value = 0;

  constexpr Offset() = default;
  constexpr explicit Offset(std::int64_t v) : value(v) {}
  friend constexpr auto operator<=>(Offset, Offset) = default;
  friend constexpr Offset operator+(Offset a, std::int64_t n) { return Offset{a.value + n}; }
  friend constexpr Offset operator-(Offset a, std::int64_t n) { return Offset{a.value - n}; }
  friend constexpr std::int64_t operator-(Offset a, Offset b) { return a.value - b.value; }
};

/// The half-open range [begin, end) of offsets.
struct OffsetRange {
  Offset begin;
  Offset end;

  constexpr std::int64_t count() const { return end - begin; }
  constexpr bool empty() const { return end <= begin; }
  constexpr bool contains(Offset o) const { return begin <= o && o < end; }
  friend constexpr bool operator==(OffsetRange, OffsetRange) = default;
};

using PartitionId = Id<struct PartitionTag, std::int32_t>;
using LeaderEpoch = Id<struct LeaderEpochTag, std::int32_t>;
using ProducerId = Id<struct ProducerIdTag, std::int64_t>;
using ProducerEpoch = Id<struct ProducerEpochTag, std::int16_t>;
using BrokerId = Id<struct BrokerIdTag, std::int32_t>;

/// A topic id or directory id: 16 bytes, shown as Kafka shows them (URL-safe base64 without padding).
struct Uuid {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  constexpr bool is_zero() const { return high == 0 && low == 0; }
  friend constexpr auto operator<=>(Uuid, Uuid) = default;
};

/// 22 characters of URL-safe base64, as Kafka prints topic ids.
std::string to_string(Uuid id);
/// Parses what to_string gives; false where `text` is not 22 such characters.
bool parse_uuid(std::string_view text, Uuid& id);

}  // namespace sluice::base

namespace sluice {
using namespace base;
}

template <class Tag, class Rep>
struct std::hash<sluice::base::Id<Tag, Rep>> {
  std::size_t operator()(sluice::base::Id<Tag, Rep> id) const noexcept { return std::hash<Rep>{}(id.value); }
};
template <>
struct std::hash<sluice::base::Offset> {
  std::size_t operator()(sluice::base::Offset o) const noexcept { return std::hash<std::int64_t>{}(o.value); }
};
template <>
struct std::hash<sluice::base::Uuid> {
  std::size_t operator()(sluice::base::Uuid id) const noexcept {
    return static_cast<std::size_t>(id.high ^ (id.low * 0x9E3779B97F4A7C15u));
  }
};
