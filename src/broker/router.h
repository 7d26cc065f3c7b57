// Which handler answers which request. ApiVersions is answered from this very table.
#pragma once

#include <cstdint>
#include <span>

#include "broker/core.h"
#include "broker/request.h"

namespace sluice::broker {

struct Route {
  std::int16_t key;
  void (*handle)(Core& core, const RequestPtr& request);
};

/// By ascending key; the versions are those of wire::find_api(key).
std::span<const Route> routes();

/// Hands the request to its handler. What is not in the table is refused as Kafka does: the connection is
/// closed, except that ApiVersions of an unknown version is answered in version 0 (KIP-511).
void route(Core& core, const RequestPtr& request);

}  // namespace sluice::broker
