// Buffers for records on their way from a log to a client, used again instead of allocated again.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "record/compression.h"

namespace sluice::broker {

/// Loop thread only; buffers come back by themselves, and may outlive the pool.
class BufferPool {
 public:
  using Buffer = std::shared_ptr<record::RawBuffer>;
  static constexpr std::size_t chunk_bytes = 1024 * 1024;

  /// A buffer of at least `bytes`. Those of chunk_bytes and less are pooled.
  Buffer take(std::size_t bytes) {
    std::unique_ptr<record::RawBuffer> buffer;
    if (bytes <= chunk_bytes && !free_->empty()) {
      buffer = std::move(free_->back());
      free_->pop_back();
    } else {
      buffer = std::make_unique<record::RawBuffer>();
      buffer->reserve(bytes <= chunk_bytes ? chunk_bytes : bytes);
    }
    return Buffer(buffer.release(), [weak = std::weak_ptr(free_)](record::RawBuffer* used) {
      std::unique_ptr<record::RawBuffer> owned(used);
      const auto free = weak.lock();
      if (free && used->capacity() == chunk_bytes && free->size() < free_max)
        free->push_back(std::move(owned));
    });
  }
  /// Gives the memory of unused buffers back.
  void trim() { free_->clear(); }

 private:
  static constexpr std::size_t free_max = 16;
  std::shared_ptr<std::vector<std::unique_ptr<record::RawBuffer>>> free_ =
      std::make_shared<std::vector<std::unique_ptr<record::RawBuffer>>>();
};

}  // namespace sluice::broker
