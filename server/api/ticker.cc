#include "server/api/ticker.h"

#include <grpcpp/alarm.h>

#include <chrono>

#include "server/runtime/completion.h"
#include "server/runtime/task.h"

namespace warren::api {
namespace {

constexpr auto kTick = std::chrono::seconds(1);

// A session like those of calls, so that it hears when the broker stops.
class Ticker final : public runtime::Session {
 public:
  static runtime::Task Run(Api& api) {
    Ticker ticker(api);
    while (!ticker.stopped_) {
      co_await runtime::Operation([&](void* tag) {
        ticker.alarm_.Set(&api.queue, std::chrono::system_clock::now() + kTick, tag);
      });
      for (const auto& [number, session] : api.loop.registry().sessions()) session->OnTick();
    }
  }

 private:
  explicit Ticker(Api& api) : api_(api), session_(api.loop.registry().AddSession(*this)) {
    api_.loop.HandlerStarted();
  }
  ~Ticker() {
    api_.loop.registry().RemoveSession(session_);
    api_.loop.HandlerEnded();
  }

  void OnStop(const absl::Status&) override {
    stopped_ = true;
    alarm_.Cancel();
  }

  Api& api_;
  const runtime::Registry::SessionList::iterator session_;
  grpc::Alarm alarm_;
  bool stopped_ = false;
};

}  // namespace

void StartTicker(Api& api) { Ticker::Run(api).Detach(); }

}  // namespace warren::api
