// Who this broker is: meta.properties, as Kafka keeps it.
#pragma once

#include <cstdint>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "env/file_system.h"
#include "env/random.h"

namespace sluice::broker {

struct Identity {
  std::string cluster_id;
  std::int32_t node_id = 0;
  std::string directory_id;
};

/// The identity in `data_dir`; made, durably, where there is none. conflict where it is another node's,
/// corrupt where it cannot be read.
Result<Identity> load_identity(env::FileSystem& fs, env::Random& random, const std::string& data_dir,
                               std::int32_t node_id);

}  // namespace sluice::broker
