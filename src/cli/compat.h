// Drop-ins for Apache Kafka's own tools: their flags and their text, with honest exit codes.
#pragma once

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "cli/kafka_flags.h"
#include "client/cluster.h"

namespace sluice::cli {

/// The name of a Kafka tool without ".sh" and without the folder, if it is one that there is a drop-in for;
/// else "".
std::string_view compat_tool(std::string_view program);

/// Runs a tool by that name with its own arguments; an exit code.
int run_compat_tool(std::string_view tool, const std::vector<std::string>& arguments);

/// The cluster that --bootstrap-server, or the old --broker-list, names. --command-config may only ask for
/// what this client does: plain text.
Result<std::unique_ptr<client::Cluster>> connect(const KafkaFlags& flags);

Result<int> run_kafka_get_offsets(const std::vector<std::string>& arguments);
Result<int> run_kafka_consumer_groups(const std::vector<std::string>& arguments);
Result<int> run_kafka_delete_records(const std::vector<std::string>& arguments);

}  // namespace sluice::cli
