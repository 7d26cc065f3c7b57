// The few primitives that authentication needs, from OpenSSL.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "broker/settings.h"

namespace sluice::broker {

/// The hash of a SCRAM mechanism; the mechanism is not unknown.
Bytes hash(ScramMechanism mechanism, BytesView data);
Bytes hmac(ScramMechanism mechanism, BytesView key, BytesView data);

/// Standard base64 with padding.
std::string base64(BytesView data);
/// nullopt where `text` is not that.
std::optional<Bytes> from_base64(std::string_view text);

/// 18 bytes that nobody can foresee, as 24 printable characters without commas.
std::string unforeseeable_text();

/// Takes as long for any two of one length, so that its time tells nothing.
bool equal_secretly(BytesView a, BytesView b);

}  // namespace sluice::broker
