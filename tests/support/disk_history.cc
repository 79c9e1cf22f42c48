#include "tests/support/disk_history.h"

#include <algorithm>
#include <utility>

namespace warren::testing {

uint64_t DiskHistory::NodeOf(const std::string& name) {
  if (name.empty()) return kDirectory;
  const auto known = nodes_.find(name);
  if (known != nodes_.end()) return known->second;
  return nodes_[name] = ++last_node_;
}

void DiskHistory::Make(const std::string& name) {
  nodes_[name] = ++last_node_;
  Add({.kind = Kind::kMake, .node = last_node_, .name = name});
}

void DiskHistory::Rename(const std::string& from, const std::string& to) {
  nodes_[to] = NodeOf(from);
  nodes_.erase(from);
  Add({.kind = Kind::kRename, .name = from, .to = to});
}

void DiskHistory::Remove(const std::string& name) {
  nodes_.erase(name);
  Add({.kind = Kind::kRemove, .name = name});
}

void DiskReplay::Advance() {
  using Kind = DiskHistory::Kind;
  const DiskHistory::Step& step = steps_[next_++];
  switch (step.kind) {
    case Kind::kMark:
      return;
    case Kind::kWrite:
      nodes_[step.node].unsynced.push_back({.offset = step.offset, .bytes = step.bytes});
      return;
    case Kind::kResize:
      nodes_[step.node].unsynced.push_back({.resize = true, .offset = step.offset, .bytes = {}});
      return;
    case Kind::kSync:
      if (step.node != DiskHistory::kDirectory) {
        Node& node = nodes_[step.node];
        for (const Change& change : std::exchange(node.unsynced, {})) Apply(change, node.durable);
        return;
      }
      for (const auto* change : std::exchange(unsynced_names_, {})) Apply(*change, durable_names_);
      return;
    case Kind::kMake:
    case Kind::kRename:
    case Kind::kRemove:
      unsynced_names_.push_back(&step);
  }
}

void DiskReplay::Apply(const Change& change, std::string& content) {
  if (change.resize) {
    content.resize(change.offset);
    return;
  }
  const size_t end = change.offset + change.bytes.size();
  if (content.size() < end) content.resize(end);
  content.replace(change.offset, change.bytes.size(), change.bytes);
}

void DiskReplay::Apply(const DiskHistory::Step& step, Names& names) {
  if (step.kind == DiskHistory::Kind::kMake) {
    names[step.name] = step.node;
  } else if (step.kind == DiskHistory::Kind::kRemove) {
    names.erase(step.name);
  } else if (const auto from = names.find(step.name); from != names.end()) {
    const uint64_t node = from->second;
    names.erase(from);
    names[step.to] = node;
  }
}

std::string DiskReplay::ContentOf(const Node& node, DiskHistory::Keep keep,
                                  std::mt19937_64& random) const {
  std::string content = node.durable;
  if (keep == DiskHistory::Keep::kSynced || node.unsynced.empty()) return content;
  size_t kept = node.unsynced.size();
  if (keep == DiskHistory::Keep::kTornTail) kept = random() % (kept + 1);
  for (size_t i = 0; i < kept; ++i) Apply(node.unsynced[i], content);
  if (kept == node.unsynced.size()) return content;
  // Some sectors of the next one.
  Change torn = node.unsynced[kept];
  const uint64_t end = torn.offset + torn.bytes.size();
  const uint64_t first_border = torn.offset / DiskHistory::kSectorBytes + 1;
  const uint64_t borders = end / DiskHistory::kSectorBytes + 1 - first_border;
  if (torn.resize || borders == 0) return content;
  const uint64_t border = first_border + random() % borders;
  torn.bytes.resize(border * DiskHistory::kSectorBytes - torn.offset);
  Apply(torn, content);
  return content;
}

DiskHistory::Image DiskReplay::After(DiskHistory::Keep keep, std::mt19937_64& random) const {
  Names names = durable_names_;
  size_t kept = unsynced_names_.size();
  if (keep == DiskHistory::Keep::kSynced) kept = 0;
  if (keep == DiskHistory::Keep::kTornTail) kept = random() % (kept + 1);
  for (size_t i = 0; i < kept; ++i) Apply(*unsynced_names_[i], names);
  DiskHistory::Image image;
  for (const auto& [name, node] : names) {
    const auto found = nodes_.find(node);
    image[name] = found == nodes_.end() ? "" : ContentOf(found->second, keep, random);
  }
  return image;
}

}  // namespace warren::testing
