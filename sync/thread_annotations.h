// What guards what, said so that clang can check it (-Wthread-safety; see docs/testing.md). Other
// compilers see nothing.
//
//   Mutex mutex_;
//   int turns_ WARREN_GUARDED_BY(mutex_);             read and written with mutex_ held alone
//   void Turn() WARREN_REQUIRES(mutex_);              the caller holds it, before and after
//   void Announce() WARREN_EXCLUDES(mutex_);          the caller doesn't: it is taken inside
//   wait(…, [this]() WARREN_REQUIRES(mutex_) { … });  so do conditions, which run with it held
#pragma once

#if defined(__clang__)
#define WARREN_THREAD_ATTRIBUTE(attribute) __attribute__((attribute))
#else
#define WARREN_THREAD_ATTRIBUTE(attribute)
#endif

// Of members.
#define WARREN_GUARDED_BY(mutex) WARREN_THREAD_ATTRIBUTE(guarded_by(mutex))

// Of functions.
#define WARREN_REQUIRES(...) WARREN_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define WARREN_EXCLUDES(...) WARREN_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define WARREN_ACQUIRE(...) WARREN_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define WARREN_RELEASE(...) WARREN_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
// What makes a lock of something that clang can't follow.
#define WARREN_NOT_ANALYSED WARREN_THREAD_ATTRIBUTE(no_thread_safety_analysis)

// Of classes.
#define WARREN_CAPABILITY(name) WARREN_THREAD_ATTRIBUTE(capability(name))
#define WARREN_SCOPED_CAPABILITY WARREN_THREAD_ATTRIBUTE(scoped_lockable)
