//! Both stores keep, replace, expire and forget.

use super::*;

fn record(minutes: i64) -> Record {
    Record {
        id: Id::default(),
        data: HashMap::from([("key".to_owned(), serde_json::json!({"a": 1}))]),
        expiry_date: OffsetDateTime::now_utc() + time::Duration::minutes(minutes),
    }
}

fn directory(name: &str) -> PathBuf {
    let unique = format!("client-app-{name}-{:032x}", Id::default().0);
    std::env::temp_dir().join(unique)
}

async fn behaves(store: &Store) {
    let mut one = record(1);
    store.create(&mut one).await.unwrap();
    assert_eq!(store.load(&one.id).await.unwrap(), Some(one.clone()));

    let mut same_id = one.clone();
    store.create(&mut same_id).await.unwrap();
    assert_ne!(same_id.id, one.id, "a taken id is not given out again");

    one.data.clear();
    store.save(&one).await.unwrap();
    assert_eq!(store.load(&one.id).await.unwrap(), Some(one.clone()));

    let mut expired = record(-1);
    store.create(&mut expired).await.unwrap();
    assert_eq!(store.load(&expired.id).await.unwrap(), None);

    store.delete(&one.id).await.unwrap();
    store.delete(&one.id).await.unwrap();
    assert_eq!(store.load(&one.id).await.unwrap(), None);
    store.save(&one).await.unwrap();
    assert_eq!(store.load(&one.id).await.unwrap(), None, "it stays ended");
}

#[tokio::test]
async fn memory_behaves() {
    behaves(&Store::new(None)).await;
}

#[tokio::test]
async fn files_behave_and_survive_a_restart_and_are_private() {
    let directory = directory("files");
    let store = Store::new(Some(directory.clone()));
    behaves(&store).await;

    let mut kept = record(5);
    store.create(&mut kept).await.unwrap();
    let restarted = Store::new(Some(directory.clone()));
    assert_eq!(restarted.load(&kept.id).await.unwrap(), Some(kept.clone()));

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let Store::Files(files) = &restarted else {
            panic!("files expected")
        };
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&files.path(&kept.id)), 0o600);
        assert_eq!(mode(&directory), 0o700);
    }
    std::fs::remove_dir_all(directory).unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_no_session_and_no_error() {
    let directory = directory("damaged");
    let store = Store::new(Some(directory.clone()));
    let mut damaged = record(5);
    store.create(&mut damaged).await.unwrap();
    let Store::Files(files) = &store else {
        panic!("files expected")
    };
    std::fs::write(files.path(&damaged.id), "{").unwrap();
    assert_eq!(store.load(&damaged.id).await.unwrap(), None);
    std::fs::remove_dir_all(directory).unwrap();
}

#[test]
fn only_files_of_our_naming_are_swept() {
    let name = format!("/s/{:032x}.json", Id::default().0);
    assert!(is_ours(Path::new(&name)));
    assert!(!is_ours(Path::new("/s/notes.json")));
    assert!(!is_ours(Path::new("/s/0123.txt")));
}

#[test]
fn expired_sessions_do_not_pile_up_in_memory() {
    let memory = Memory::default();
    for _ in 0..5000 {
        memory.insert(&record(-1));
    }
    assert!(memory.lock().sessions.len() <= 1024);
}
