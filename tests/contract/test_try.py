import time
from tests.contract import matrix, stage as st
def test_try(app):
    t=time.time(); s=st.build(app); print("build",time.time()-t)
    cs=list(matrix.cases(app)); print(len(cs))
    t=time.time(); r=matrix.walk(s,cs); print("walk",time.time()-t, r.cells)
    print("\n".join(r.failures))
    t=time.time()
    owner=lambda e: getattr(app.house.blueprint_owner.get(e.rpartition(".")[0]),"plugin",None)
    r=matrix.walk_off(s,cs,owner); print("off",time.time()-t,r.cells); print("\n".join(r.failures))
    for c in cs:
        for a,b in matrix.pairs(s,c):
            if a!=b: print("DIFF",c,a[0],b[0]); 
    assert 0
