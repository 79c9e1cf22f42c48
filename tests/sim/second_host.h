// The second virtual host of a world: its clients work beside those of the first one, it is deleted
// now and then, also while what is in it is in use, and made anew under its name.
//
// It has its own small model, since what matters here is not the way of a message, which the first
// host sees to, but which host it is in: each life of the host begins empty, and a life that has
// begun to end is never seen again, in part least of all. Queues and producers bear the same names as
// those of the first host, so that nothing may cross over unnoticed.
//
// Thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "server/core/broker.h"
#include "storage/live_state.h"
#include "tests/sim/random.h"

namespace warren::sim {

class SecondHost {
 public:
  static constexpr char kName[] = "second";

  // What one of its clients does next.
  core::Command Next(Random& random);
  // Asks for its deletion. REQUIRES: is_there().
  core::Command Delete();
  bool is_there() const { return is_there_; }

  // Takes what is for its clients out of what the broker said.
  void Take(core::Effects& effects);
  // Whether `broker` has of it what it must have; what is answered as gone is gone from `disk`, too.
  // "" or what is wrong.
  std::string Check(const core::Broker& broker, const storage::LiveState& disk);
  // The same of a broker that has just recovered, and goes on from there.
  std::string Restarted(const core::Broker& broker);

 private:
  using Bodies = std::map<std::string, std::multiset<std::string>>;  // by queue

  // From a declaration to the next deletion.
  struct Life {
    Bodies queues;                                            // as the broker has them
    Bodies ever;                                              // all that were in them
    std::set<std::string> declared;                           // durable queues, answered
    std::set<std::pair<std::string, std::string>> confirmed;  // queue and body, and not settled
    std::set<std::string> durable;
    bool answered = false;
    bool deleted = false;  // asked for
    uint64_t first_sequence = 0;
  };
  struct Sent {
    size_t life = 0;
    std::string queue;
    std::string body;
    bool must_survive = false;
  };
  struct Unsettled {
    core::ConsumerId consumer;
    core::DeliveryTag tag;
    std::string queue;
    std::string body;
  };

  core::Command Publish(Random& random);
  core::Command Settle(Random& random);
  void Answered(const core::Replied& reply);
  void Confirmed(const core::Confirmed& confirmed);
  void Problem(const std::string& what);
  static bool Fits(const Life& life, const Bodies& there);
  static Bodies Contents(const core::Broker& broker);
  Life& life() { return lives_.back(); }
  uint64_t NewId();

  std::vector<Life> lives_;
  size_t first_possible_ = 0;  // those before have been answered as gone
  bool is_there_ = false;
  bool asked_for_ = false;  // declared, and the broker hasn't made it yet
  bool just_gone_ = false;  // a deletion has been answered in this step
  core::PublisherId publisher_;  // 0: none is open
  std::map<uint64_t, std::string> consumers_;     // whose queue
  std::set<uint64_t> ending_;                     // consumers that go with the host
  std::vector<Unsettled> unsettled_;
  std::map<uint64_t, Sent> sent_;                 // by sequence
  std::map<uint64_t, size_t> deletions_;          // by request: of which life
  std::map<uint64_t, std::pair<size_t, std::string>> declarations_;  // "": of the host
  uint64_t next_sequence_ = 1;
  uint64_t last_id_ = 0;
  std::string problem_;
};

}  // namespace warren::sim
