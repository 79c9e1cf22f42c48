// What was done to a directory's files, step by step, and what a power cut after any step leaves.
//
// The model: a file's bytes are durable when it was synced, and a name (made, renamed, removed) when
// the directory was. Of what wasn't synced a disk may keep anything; two extremes and a mixture are
// modelled. A write is torn between sectors only. Names change in their order, as file systems with
// a journal do it.
//
// Thread safety: thread-compatible.
#pragma once

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace warren::testing {

class DiskHistory {
 public:
  static constexpr uint64_t kDirectory = 0;
  static constexpr size_t kSectorBytes = 512;

  enum class Kind { kWrite, kResize, kSync, kMake, kRename, kRemove, kMark };
  struct Step {
    Kind kind;
    uint64_t node = 0;    // kMark: its value
    uint64_t offset = 0;  // kResize: the size
    std::string bytes;    // kWrite
    std::string name;
    std::string to;  // kRename
  };

  enum class Keep {
    kSynced,      // what was not synced is gone
    kAll,         // as when the process dies, and not the machine
    kTornTail,    // a front part, at random, of the names and of each file's writes
  };

  // The files that are there, by name.
  using Image = std::map<std::string, std::string>;

  // Writes go to the node that a name stands for now; makes one if there is none.
  uint64_t NodeOf(const std::string& name);
  void Add(Step step) { steps_.push_back(std::move(step)); }
  void Make(const std::string& name);
  void Rename(const std::string& from, const std::string& to);
  void Remove(const std::string& name);

  const std::vector<Step>& steps() const { return steps_; }

 private:
  std::vector<Step> steps_;
  std::map<std::string, uint64_t> nodes_;  // as of now
  uint64_t last_node_ = kDirectory;
};

// Goes through a history. Holds a whole copy of the files, so that each image costs no more than
// making it.
class DiskReplay {
 public:
  explicit DiskReplay(const DiskHistory& history) : steps_(history.steps()) {}

  bool AtEnd() const { return next_ == steps_.size(); }
  // The step that Advance does next. REQUIRES: !AtEnd().
  const DiskHistory::Step& next() const { return steps_[next_]; }
  void Advance();
  // What is there after a power cut now.
  DiskHistory::Image After(DiskHistory::Keep keep, std::mt19937_64& random) const;

 private:
  struct Change {
    bool resize = false;
    uint64_t offset = 0;
    std::string bytes;
  };
  struct Node {
    std::string durable;
    std::vector<Change> unsynced;
  };
  using Names = std::map<std::string, uint64_t>;

  static void Apply(const Change& change, std::string& content);
  static void Apply(const DiskHistory::Step& step, Names& names);
  std::string ContentOf(const Node& node, DiskHistory::Keep keep, std::mt19937_64& random) const;

  const std::vector<DiskHistory::Step>& steps_;
  size_t next_ = 0;
  std::map<uint64_t, Node> nodes_;
  Names durable_names_;
  std::vector<const DiskHistory::Step*> unsynced_names_;
};

}  // namespace warren::testing
