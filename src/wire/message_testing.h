// For tests: fills any message with random values that its version can carry, and shows what a message holds.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "wire/generated/messages.h"

namespace sluice::wire::testing {

/// A structure of a message: it can be visited.
template <class T>
concept Structure = requires(T v) { v.each_field(v, std::int16_t{0}, [](std::string_view, auto&, bool) {}); };

/// Random values for the fields of one version, from a seed. Byte fields borrow from this object.
class Filler {
 public:
  Filler(std::uint64_t seed, std::int16_t version) : random_(seed), version_(version), pool_(6000) {
    for (std::byte& b : pool_) b = static_cast<std::byte>(random_());
  }

  template <Structure T>
  void fill(T& v) {
    T::each_field(v, version_,
                  [this](std::string_view, auto& field, bool nullable) { this->value(field, nullable); });
  }

 private:
  std::uint64_t below(std::uint64_t n) { return random_() % n; }

  template <class T>
  void value(std::optional<T>& v, bool nullable) {
    if (nullable && below(4) == 0) return v.reset();
    value(v.emplace(T{}), false);
  }
  template <class T>
  void value(std::vector<T>& v, bool) {
    v.resize(below(4));
    for (T& item : v) value(item, false);
  }
  template <std::integral T>
  void value(T& v, bool) {
    v = static_cast<T>(random_() >> below(64));
  }
  void value(bool& v, bool) { v = below(2) == 1; }
  void value(double& v, bool) { v = static_cast<double>(random_()) / 3; }
  void value(Uuid& v, bool) { v = {random_(), random_()}; }
  void value(std::string& v, bool) {
    v.resize(below(10) == 0 ? below(300) : below(12));
    for (char& c : v) c = static_cast<char>('a' + below(26));
  }
  void value(BytesView& v, bool) {
    v = BytesView(pool_).first(below(8) == 0 ? below(pool_.size()) : below(40));
  }
  template <Structure T>
  void value(T& v, bool) {
    fill(v);
  }

  std::mt19937_64 random_;
  std::int16_t version_;
  Bytes pool_;
};

/// All fields of one version, as text: two messages are equal where their texts are.
class Shower {
 public:
  explicit Shower(std::int16_t version) : version_(version) {}

  template <Structure T>
  std::string show(const T& v) {
    std::string out = "{";
    T::each_field(v, version_, [&](std::string_view name, const auto& field, bool) {
      out.append(name).append("=").append(value(field)).append(" ");
    });
    return out + "}";
  }

 private:
  template <class T>
  std::string value(const std::optional<T>& v) {
    return v ? value(*v) : "null";
  }
  template <class T>
  std::string value(const std::vector<T>& v) {
    std::string out = "[";
    for (const T& item : v) out += value(item) + " ";
    return out + "]";
  }
  template <std::integral T>
  std::string value(T v) {
    return std::to_string(v);
  }
  std::string value(double v) { return std::to_string(std::bit_cast<std::uint64_t>(v)); }
  std::string value(Uuid v) { return to_string(v); }
  std::string value(const std::string& v) { return "'" + v + "'"; }
  std::string value(BytesView v) {
    std::string out = "x";
    for (const std::byte b : v) {
      out += "0123456789abcdef"[static_cast<unsigned>(b) >> 4];
      out += "0123456789abcdef"[static_cast<unsigned>(b) & 15u];
    }
    return out;
  }
  template <Structure T>
  std::string value(const T& v) {
    return show(v);
  }

  std::int16_t version_;
};

/// A message of any kind, so that a test is compiled once and not once a kind.
class AnyMessage {
 public:
  virtual ~AnyMessage() = default;
  virtual void fill(Filler& filler) = 0;
  virtual std::string show(std::int16_t version) const = 0;
  virtual void encode(Writer& writer, std::int16_t version) const = 0;
  virtual void decode(Reader& reader, std::int16_t version) = 0;
};

template <class Message>
class Holder final : public AnyMessage {
 public:
  void fill(Filler& filler) override { filler.fill(message_); }
  std::string show(std::int16_t version) const override { return Shower(version).show(message_); }
  void encode(Writer& writer, std::int16_t version) const override { message_.encode(writer, version); }
  void decode(Reader& reader, std::int16_t version) override { message_.decode(reader, version); }

 private:
  Message message_;
};

struct Kind {
  std::string_view name;
  std::int16_t version_min;
  std::int16_t version_max;
  std::unique_ptr<AnyMessage> (*make)();
};

/// Every request, every answer, and the headers.
inline std::vector<Kind> kinds() {
  std::vector<Kind> out;
  const auto add = [&]<class Message>() {
    out.push_back({Message::message_name, Message::version_min, Message::version_max,
                   []() -> std::unique_ptr<AnyMessage> { return std::make_unique<Holder<Message>>(); }});
  };
  for_each_message(add);
  add.template operator()<RequestHeader>();
  add.template operator()<ResponseHeader>();
  return out;
}

}  // namespace sluice::wire::testing
