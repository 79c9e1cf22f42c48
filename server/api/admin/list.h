// What all lists in pages have in common: a page is filled by walking over what there is, in parts.
//
// A List is a PlainList, or has what that has, and names method and messages as a Look does:
//   static constexpr std::string_view kName;     // in its tokens
//   static constexpr size_t kNumbers;            // of them
//   void GoTo(PagePlace);                        // where the page begins
//   PagePlace Place() const;                     // where the next one does
//   absl::Status Begin(const Caller&, Request&); // what is asked for
//   bool Walk(const Caller&, core::PartLimits, Response&);  // one part; true: nothing is behind it
//   static int Size(const Response&);
// Loop thread only.
#pragma once

#include <string>
#include <utility>

#include "server/api/convert/limits.h"
#include "server/api/convert/page.h"
#include "server/api/look.h"
#include "server/base/pattern.h"

namespace warren::api {

// Which virtual host is asked for: "" is all that the caller sees.
class HostChoice {
 public:
  // PERMISSION_DENIED, or NAME_INVALID. The walk finds nothing in a host that isn't there.
  absl::Status Choose(const Caller& caller, const std::string& virtual_host) {
    name_ = virtual_host;
    if (absl::Status s = CheckName("virtual_host", name_); !s.ok()) return s;
    return name_.empty() ? absl::OkStatus() : caller.access.MaySee(name_);
  }
  bool Has(const Caller& caller, const std::string& virtual_host) const {
    return name_.empty() ? caller.access.Sees(virtual_host) : virtual_host == name_;
  }

 private:
  std::string name_;
};

// A pattern over names; "" matches all.
class NameChoice {
 public:
  // INVALID_ARGUMENT, reason PATTERN_INVALID, for what RE2 refuses.
  absl::Status Choose(const std::string& pattern) {
    all_ = pattern.empty();
    if (all_) return absl::OkStatus();
    auto made = Pattern::Make(pattern);
    if (!made.ok()) {
      return InvalidField("name_pattern", "PATTERN_INVALID",
                          std::string("name_pattern: ") + std::string(made.status().message()));
    }
    pattern_ = *std::move(made);
    return absl::OkStatus();
  }
  bool Has(const std::string& name) const { return all_ || pattern_.Matches(name); }

 private:
  bool all_ = true;
  Pattern pattern_;
};

template <typename List>
class PagedLook {
 public:
  using Request = typename List::Request;
  using Response = typename List::Response;
  static constexpr auto kRequest = List::kRequest;

  absl::Status Begin(const Caller& caller, Request& request, Response&) {
    const auto size = PageSize(request.page_size(), List::kMaxPage);
    if (!size.ok()) return size.status();
    auto place = ReadPageToken(List::kName, request.page_token(), List::kNumbers);
    if (!place.ok()) return place.status();
    size_ = *size;
    list_.GoTo(*std::move(place));
    return list_.Begin(caller, request);
  }

  absl::StatusOr<bool> Continue(const Caller& caller, Response& response) {
    if (!filled_) {
      const size_t left = size_ - static_cast<size_t>(List::Size(response));
      const bool done = list_.Walk(caller, {.items = left}, response);
      const bool full = static_cast<size_t>(List::Size(response)) >= size_ || list_.IsFull();
      if (!done && !full) return false;
      if (!done) response.set_next_page_token(MakePageToken(List::kName, list_.Place()));
      filled_ = true;
    }
    return list_.Finish(caller, response);
  }

 private:
  bool filled_ = false;
  size_t size_ = 0;
  List list_;
};

// What most lists are: only the number of items ends a page, and there is nothing else to tell.
struct PlainList {
  static constexpr uint32_t kMaxPage = kMaxPageSize;
  static bool IsFull() { return false; }
  template <typename Response>
  static bool Finish(const Caller&, Response&) {
    return true;
  }
};

template <typename List>
void ServeList(Api& api, std::string_view method) {
  ServeLook<PagedLook<List>>(api, method);
}

}  // namespace warren::api
