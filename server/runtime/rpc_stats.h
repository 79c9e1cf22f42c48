// What became of calls, by method: how many began, how they ended, how long unary ones took.
//
// A method is registered once, before its first call; its handlers keep the reference, so a call
// looks nothing up. Thread safety: Register and ForEach from any thread; the cells as in cells.h, by
// the loop that serves the method.
#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <string>
#include <string_view>

#include "server/runtime/cells.h"
#include "sync/mutex.h"

namespace warren::runtime {

enum class RpcType : uint8_t { kUnary, kServerStream, kBidiStream };

struct RpcCells {
  // Of gRPC: OK is 0, UNAUTHENTICATED is 16.
  static constexpr size_t kCodes = 17;

  RpcCells(RpcType t, std::string_view s, std::string_view m) : type(t), service(s), method(m) {}

  const RpcType type;
  const std::string service;  // with its package
  const std::string method;
  Cell started;
  std::array<Cell, kCodes> handled;
  HistogramCells<11> seconds{{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5}};
};

class RpcStats {
 public:
  // Lives as long as this does. The same cells for the same method.
  RpcCells& Register(RpcType type, std::string_view service, std::string_view method) {
    const MutexLock lock(mutex_);
    for (RpcCells& cells : methods_) {
      if (cells.service == service && cells.method == method) return cells;
    }
    return methods_.emplace_back(type, service, method);
  }

  // In the order of registration.
  template <typename Visitor>
  void ForEach(Visitor visit) const {
    const MutexLock lock(mutex_);
    for (const RpcCells& cells : methods_) visit(cells);
  }

 private:
  mutable Mutex mutex_;
  std::deque<RpcCells> methods_ WARREN_GUARDED_BY(mutex_);
};

}  // namespace warren::runtime
