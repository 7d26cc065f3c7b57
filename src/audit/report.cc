#include "audit/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sluice::audit {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t json_ranges_max = 1000;

template <class Count>
std::int64_t sum(const std::vector<PartitionReport>& partitions, Count count) {
  std::int64_t out = 0;
  for (const auto& partition : partitions) out += count(partition);
  return out;
}

Verdict worse(Verdict a, Verdict b) {
  if (a == Verdict::wrong || b == Verdict::wrong) return Verdict::wrong;
  return a == Verdict::undecided || b == Verdict::undecided ? Verdict::undecided : Verdict::verified;
}

Verdict verdict_of(const std::vector<Finding>& findings) {
  Verdict out = Verdict::verified;
  for (const auto& finding : findings) out = worse(out, finding.wrong ? Verdict::wrong : Verdict::undecided);
  return out;
}

Json range_json(OffsetRange range) {
  return Json::array({range.begin.value, range.end.value});
}

Json offsets_json(const OffsetSet& set) {
  Json ranges = Json::array();
  for (const auto range : set.ranges()) {
    if (ranges.size() >= json_ranges_max) break;
    ranges.push_back(range_json(range));
  }
  return {{"count", set.count()},
          {"ranges", ranges},
          {"complete", !set.incomplete() && set.ranges().size() <= json_ranges_max}};
}

Json findings_json(const std::vector<Finding>& findings) {
  Json out = Json::array();
  for (const auto& finding : findings) out.push_back({{"wrong", finding.wrong}, {"what", finding.what}});
  return out;
}

Json partition_json(const PartitionReport& p) {
  return {{"partition", p.partition.value},
          {"committed", range_json(p.committed)},
          {"topic", range_json(p.topic)},
          {"commits", p.commits},
          {"records", p.records()},
          {"verified", p.verified},
          {"quarantined", p.quarantined},
          {"unverifiable", p.unverifiable},
          {"explained", p.explained},
          {"behind", p.behind()},
          {"missing", offsets_json(p.missing)},
          {"duplicate", offsets_json(p.duplicate)},
          {"altered", offsets_json(p.altered)},
          {"findings", findings_json(p.findings)},
          {"verdict", name(p.verdict())}};
}

std::string partition_text(const std::string& topic, const PartitionReport& p) {
  std::string out = fmt::format("{}[{}]  [{}, {})  verified {}  missing {}  duplicate {}  altered {}", topic,
                                p.partition.value, p.committed.begin.value, p.committed.end.value, p.verified,
                                p.missing.count(), p.duplicate.count(), p.altered.count());
  if (p.quarantined > 0) out += fmt::format("  quarantined {}", p.quarantined);
  if (p.unverifiable > 0) out += fmt::format("  no longer verifiable {}", p.unverifiable);
  if (p.explained > 0) out += fmt::format("  explained gaps {}", p.explained);
  if (p.behind() > 0) out += fmt::format("  not ingested yet {}", p.behind());
  out += '\n';
  for (const auto& [what, set] :
       {std::pair("missing", &p.missing), {"duplicate", &p.duplicate}, {"altered", &p.altered}}) {
    if (!set->empty()) {
      out += fmt::format("  {} in {}[{}]: offsets {}\n", what, topic, p.partition.value, set->to_text());
    }
  }
  for (const auto& finding : p.findings) out += "  " + finding.what + "\n";
  return out;
}

}  // namespace

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::verified:
      return "verified";
    case Verdict::wrong:
      return "wrong";
    case Verdict::undecided:
      return "undecided";
  }
  return "undecided";
}

std::int64_t PartitionReport::behind() const {
  return std::max<std::int64_t>(topic.end - std::max(committed.end, topic.begin), 0);
}

Verdict PartitionReport::verdict() const {
  if (!missing.empty() || !duplicate.empty() || !altered.empty()) return Verdict::wrong;
  return worse(verdict_of(findings), unverifiable > 0 ? Verdict::undecided : Verdict::verified);
}

std::int64_t Report::records() const {
  return sum(partitions, [](const auto& p) { return p.records(); });
}
std::int64_t Report::missing() const {
  return sum(partitions, [](const auto& p) { return p.missing.count(); });
}
std::int64_t Report::duplicate() const {
  return sum(partitions, [](const auto& p) { return p.duplicate.count(); });
}
std::int64_t Report::altered() const {
  return sum(partitions, [](const auto& p) { return p.altered.count(); });
}
std::int64_t Report::unverifiable() const {
  return sum(partitions, [](const auto& p) { return p.unverifiable; });
}

Verdict Report::verdict() const {
  Verdict out = verdict_of(findings);
  for (const auto& partition : partitions) out = worse(out, partition.verdict());
  return out;
}

std::string to_text(const Report& report) {
  std::string out;
  for (const auto& partition : report.partitions) out += partition_text(report.topic, partition);
  for (const auto& finding : report.findings) out += finding.what + "\n";
  out += fmt::format("records {} in {} partitions of {}", report.records(), report.partitions.size(),
                     report.topic);
  if (report.unverifiable() > 0) {
    out += fmt::format("; the topic no longer has {} of them, their files agree with the commit log",
                       report.unverifiable());
  }
  out += fmt::format("\nmissing {} duplicate {} altered {}: {}\n", report.missing(), report.duplicate(),
                     report.altered(), name(report.verdict()));
  return out;
}

std::string to_json(const Report& report) {
  Json out = {{"schema", "sluice.audit/1"},
              {"topic", report.topic},
              {"cluster_id", report.cluster_id},
              {"topic_id", to_string(report.topic_id)},
              {"table", report.table},
              {"verdict", name(report.verdict())},
              {"records", report.records()},
              {"missing", report.missing()},
              {"duplicate", report.duplicate()},
              {"altered", report.altered()},
              {"unverifiable", report.unverifiable()},
              {"findings", findings_json(report.findings)}};
  auto& partitions = out["partitions"] = Json::array();
  for (const auto& partition : report.partitions) partitions.push_back(partition_json(partition));
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace sluice::audit
