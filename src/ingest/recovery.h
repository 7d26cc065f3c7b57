// How an unfinished commit is finished by ingest: files judged by lake, ranges read again from the topic
// (X6).
#pragma once

#include <string>
#include <vector>

#include "env/env.h"
#include "ingest/fill.h"
#include "ingest/source.h"
#include "table/publish.h"

namespace sluice::ingest {

/// One thread. What it borrows outlives it.
class LakeContent final : public table::Content {
 public:
  /// `patience`: how long a topic that gives nothing is waited for before rebuild() fails.
  LakeContent(const env::Env& env, const FillPlan& plan, const MakeSource& make_source,
              env::Duration patience);

  Result<bool> holds(const std::string& name, const table::CommitFile& file) override;
  Result<std::vector<std::string>> rebuild(const table::CommitObject& object) override;

 private:
  Result<FillPlan> plan_for(const table::CommitObject& object) const;
  Result<void> refill(Fill& fill, const table::CommitObject& object);
  Result<bool> holds_quarantine(const std::string& path, const table::CommitFile& file);

  const env::Env env_;
  const FillPlan& plan_;
  const MakeSource& make_source_;
  const env::Duration patience_;
};

}  // namespace sluice::ingest
