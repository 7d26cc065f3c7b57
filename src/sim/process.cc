#include "sim/process.h"

#include <fmt/format.h>

namespace sluice::sim {
namespace {

constexpr std::size_t trace_operations_max = std::size_t{1} << 20;

std::unexpected<Error> fault_error(Fault fault, const Operation& operation) {
  switch (fault) {
    case Fault::die:
      return process_died("go on after " + to_string(operation));
    case Fault::enospc:
      return fail(Code::no_space, fmt::format("injected fault at {}: no space left", to_string(operation)));
    case Fault::eio:
    case Fault::lost_answer:
      break;
  }
  return fail(Code::io_failed, fmt::format("injected fault at {}: input/output error", to_string(operation)));
}

}  // namespace

std::unexpected<Error> process_died(std::string_view what) {
  return fail(Code::interrupted, fmt::format("cannot {}: the simulated process is dead", what));
}

std::uint64_t Process::current_life(Disk& disk) const {
  const std::lock_guard held(disk.mutex);
  return life;
}

void Process::kill(Disk& disk) {
  killed = true;
  disk.release_locks(id);
}

void Process::forget_faults() {
  faults.clear();
  read_faults.clear();
  when = nullptr;
}

std::optional<Fault> Process::take_fault(const Operation& operation) {
  if (const auto planned = faults.extract(operation.number)) return planned.mapped();
  if (when && when(operation)) return when_fault;
  return std::nullopt;
}

Result<void> Process::perform(Disk& disk, std::uint64_t in_life, Operation operation,
                              const std::function<Result<void>()>& apply,
                              const std::function<void(Fault)>& spoil) {
  std::function<void(const Operation&)> act;
  {
    const std::lock_guard held(disk.mutex);
    act = hook;
    operation.number = operations;
  }
  if (act) act(operation);

  const std::lock_guard held(disk.mutex);
  if (!alive(disk) || life != in_life) return process_died(to_string(operation));
  operation.number = operations++;
  if (trace.size() < trace_operations_max) trace.push_back(operation);
  const auto fault = take_fault(operation);
  if (!fault) return apply();
  if (*fault == Fault::lost_answer) {
    SLUICE_TRY(apply());
  } else if (spoil) {
    spoil(*fault);
  }
  if (*fault == Fault::die) kill(disk);
  return fault_error(*fault, operation);
}

}  // namespace sluice::sim
